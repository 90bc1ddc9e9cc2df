// What an SDK's declarations say of the answers to its methods, held against the answers.

import ts from 'typescript';

const { TypeFlags } = ts;

// Types are the declarations of one version of the SDK.
export class Types {
  // At is the path of a module that exports, as client, a value of the SDK's class.
  constructor(at) {
    const program = ts.createProgram([at], {
      strict: true, noEmit: true, skipLibCheck: true, types: [],
      target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
    });
    this.checker = program.getTypeChecker();
    const source = program.getSourceFile(at);
    const wrong = ts.getPreEmitDiagnostics(program, source);
    if (wrong.length > 0) throw new Error(ts.flattenDiagnosticMessageText(wrong[0].messageText, '\n'));
    const [client] = this.checker.getExportsOfModule(this.checker.getSymbolAtLocation(source));
    this.client = this.checker.getTypeOfSymbol(client);
  }

  // of is the type of what a method gives, such as ['zeroTrust', 'access', 'keys', 'get']: of one item, for lists.
  of(path) {
    let type = this.client;
    for (const name of path) {
      const member = this.checker.getPropertyOfType(type, name);
      if (!member) throw new Error(`the SDK declares no ${path.join('.')}`);
      type = this.checker.getTypeOfSymbol(member);
    }
    const [call] = this.checker.getSignaturesOfType(type, ts.SignatureKind.Call);
    return this.checker.getTypeArguments(this.checker.getReturnTypeOfSignature(call)).at(-1);
  }

  // unlike tells how a value is not of a type: wrong breaks a client, more is what the type does not know.
  unlike(type, value, at = '') {
    const found = { wrong: [], more: [] };
    this.#walk(type, value, at, found);
    return found;
  }

  #walk(type, value, at, found) {
    if (type.isUnion()) {
      const fit = type.types.filter((t) => this.#simple(t, value)); // null is not held against what is not
      const all = (fit.length > 0 ? fit : type.types).map((t) => this.unlike(t, value, at));
      const best = all.reduce((a, b) => (worse(b, a) ? a : b));
      if (best.wrong.length > 0 && type.types.every((t) => t.isLiteral() || t.flags & TypeFlags.Undefined)) {
        best.wrong = [`${at} is ${JSON.stringify(value)}, not ${this.checker.typeToString(type)}`];
      }
      found.wrong.push(...best.wrong);
      found.more.push(...best.more);
    } else if (!this.#simple(type, value)) {
      found.wrong.push(`${at} is ${brief(value)}, not ${this.checker.typeToString(type)}`);
    } else if (this.checker.isArrayType(type)) {
      const [item] = this.checker.getTypeArguments(type);
      value.forEach((v, n) => this.#walk(item, v, `${at}[${n}]`, found));
    } else if (type.flags & (TypeFlags.Object | TypeFlags.Intersection)) {
      this.#members(type, value, at, found);
    }
  }

  #members(type, value, at, found) {
    const others = this.checker.getIndexInfoOfType(type, ts.IndexKind.String);
    const known = new Set();
    for (const member of this.checker.getPropertiesOfType(type)) {
      known.add(member.name);
      if (Object.hasOwn(value, member.name)) {
        this.#walk(this.checker.getTypeOfSymbol(member), value[member.name], `${at}.${member.name}`, found);
      } else if (!(member.flags & ts.SymbolFlags.Optional)) {
        found.wrong.push(`${at}.${member.name} is missing`);
      }
    }
    for (const name of Object.keys(value)) {
      if (known.has(name)) continue;
      if (others) this.#walk(others.type, value[name], `${at}.${name}`, found);
      else found.more.push(`${at}.${name}`);
    }
  }

  // simple tells whether a value is of a type, as far as that can be told without looking into it.
  #simple(type, value) {
    if (type.flags & (TypeFlags.Any | TypeFlags.Unknown)) return true;
    if (type.flags & TypeFlags.Null) return value === null;
    if (type.flags & (TypeFlags.Undefined | TypeFlags.Void | TypeFlags.Never)) return value === undefined;
    if (type.isLiteral()) return value === type.value;
    if (type.flags & TypeFlags.BooleanLiteral) return value === (type.intrinsicName === 'true');
    if (type.flags & TypeFlags.String) return typeof value === 'string';
    if (type.flags & TypeFlags.Number) return typeof value === 'number';
    if (type.flags & TypeFlags.Boolean) return typeof value === 'boolean';
    if (this.checker.isArrayType(type)) return Array.isArray(value);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  }
}

const worse = (a, b) => (a.wrong.length - b.wrong.length || a.more.length - b.more.length) > 0;

function brief(value) {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

// watched is a client whose answers are all held against its types: tell is called for each, with the path of
// the method and what is unlike.
export function watched(client, types, tell) {
  const see = (path, value) => {
    const found = types.unlike(types.of(path), value);
    const late = dates(value).map((at) => `${at} is no time`);
    tell(path.join('.'), found.wrong.concat(late), found.more, value);
  };
  const call = (path, promise) => {
    const listed = typeof promise[Symbol.asyncIterator] === 'function';
    const seen = promise.then((value) => {
      for (const item of listed ? value.getPaginatedItems() : [value]) see(path, item);
      return value;
    });
    if (!listed) return seen;
    seen[Symbol.asyncIterator] = async function* () {
      for await (const item of promise) {
        see(path, item);
        yield item;
      }
    };
    return seen;
  };
  const wrap = (target, path) => new Proxy(target, {
    get(_, name) {
      const member = target[name];
      if (typeof member === 'function') return (...args) => call([...path, name], member.apply(target, args));
      return typeof member === 'object' && member !== null ? wrap(member, [...path, name]) : member;
    },
  });
  return wrap(client, []);
}

// dates are the paths of the members that are named as times are, and are none.
function dates(value, at = '') {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, v]) => {
    const here = `${at}.${name}`;
    if (typeof v === 'string' && /(_at|_on|^created|^updated|^last_seen|^when)$/.test(name)) {
      return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(v) && !Number.isNaN(Date.parse(v)) ? [] : [`${here} (${v})`];
    }
    return dates(v, here);
  });
}
