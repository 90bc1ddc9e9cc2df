package login

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/console/session"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

// LinkPath is the path of one-time links: GET with a code asks whether to log in, and POST with an API token makes a
// link.
const LinkPath = "/login/link"

// usePath is the path whose form logs in with a link's code.
const usePath = "/login/use"

// Register adds the routes of logins.
func Register(f *frame.Frame) {
	s := &screen{f}
	f.Public("GET /login", s.ask)
	f.Public("POST /login", s.login)
	f.Public("GET "+LinkPath, s.follow)
	f.Public("POST "+LinkPath, s.link)
	f.Public("POST "+usePath, s.use)
	f.Public("POST /logout", s.logout)
	f.Public("GET /logout", s.bye)
}

type screen struct{ frame *frame.Frame }

// loginView is the data of the login page.
type loginView struct {
	Form  *frame.Form
	Next  string
	Ended bool
}

func (s *screen) ask(r *frame.Request) error {
	q := r.URL.Query()
	next := frame.Back(q.Get("next"), "/")
	if _, ok := s.frame.Sessions().Find(session.Cookie(r.Request), true); ok {
		return r.Redirect(next, "")
	}
	return s.show(r, loginView{frame.NewForm(), next, q.Has("ended")}, http.StatusOK)
}

func (s *screen) show(r *frame.Request, v loginView, status int) error {
	v.Form.Values.Del("token")
	return r.Page(frame.Page{Title: "Log in", Set: set, Name: "login", Data: v, Sheet: true, Status: status})
}

func (s *screen) login(r *frame.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	next := frame.Back(form.Value("next"), "/")
	if err := throughTheGateway(r); err != nil {
		return err
	}
	p, err := s.person(r.Context(), form.Value("token"))
	if client.IsUnauthenticated(err) {
		form.Fail("token", "The control plane does not accept this token.")
		return s.show(r, loginView{form, next, false}, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	s.begin(r, p)
	return r.Redirect(next, "")
}

// begin starts a session in the browser. An earlier session of the browser ends.
func (s *screen) begin(r *frame.Request, p session.Person) {
	s.frame.Sessions().End(session.Cookie(r.Request))
	r.ForgetFlash()
	session.SetCookie(r.W, r.Request, s.frame.Sessions().Begin(p))
}

// person returns the person of an API token, as the control plane knows it.
func (s *screen) person(ctx context.Context, token string) (session.Person, error) {
	p := session.Person{Token: token}
	if token == "" {
		return p, &client.Error{Status: http.StatusUnauthorized, Message: "the API token is missing"}
	}
	all, err := client.Accounts(ctx, s.frame.ClientConfig(p))
	if err != nil {
		return p, err
	}
	if len(all) == 0 {
		return p, &client.Error{Status: http.StatusForbidden, Message: "the API token has no account"}
	}
	p.Account = all[0].ID
	c, err := client.New(s.frame.ClientConfig(p))
	if err != nil {
		return p, err
	}
	me, err := c.VerifyToken(ctx)
	if err != nil {
		return p, err
	}
	p.Name = s.name(ctx, c, me)
	return p, nil
}

// name returns the e-mail address or the name of a token. A token need not have the permission to read itself.
func (s *screen) name(ctx context.Context, c *client.Client, me client.APIToken) string {
	if full, err := c.APITokens().Get(ctx, me.ID); err == nil {
		if full.Value.Email != "" {
			return full.Value.Email
		}
		if full.Value.Name != "" {
			return full.Value.Name
		}
	}
	return "API token " + me.ID[:min(8, len(me.ID))]
}

// followView is the data of a link's page.
type followView struct {
	Person     session.Person // whom the link logs in
	Now        string         // who uses the console in this browser; empty: nobody
	Code, Next string
}

// follow asks whether to log in with a link. A look at the link changes nothing: what loads it may be a preview, or
// another site's page, which would have a person work as somebody else.
func (s *screen) follow(r *frame.Request) error {
	q := r.URL.Query()
	p, ok := s.frame.Sessions().Look(q.Get("code"))
	if !ok {
		return used(r)
	}
	if err := throughTheGateway(r); err != nil {
		return err
	}
	if p.Name == "" {
		known, err := s.person(r.Context(), p.Token)
		if err != nil {
			return err
		}
		p = known
	}
	v := followView{Person: p, Code: q.Get("code"), Next: frame.Back(q.Get("next"), "/")}
	if now, err := r.Who(); err == nil {
		v.Now = now.Name
	}
	return r.Page(frame.Page{Title: "Log in", Set: set, Name: "follow", Data: v, Sheet: true})
}

// use logs in with a link. The link is used up once the control plane accepts its token.
func (s *screen) use(r *frame.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	if err := throughTheGateway(r); err != nil {
		return err
	}
	p, ok := s.frame.Sessions().Look(form.Value("code"))
	if !ok {
		return used(r)
	}
	if p, err = s.person(r.Context(), p.Token); err != nil {
		return err
	}
	if _, ok := s.frame.Sessions().Redeem(form.Value("code")); !ok {
		return used(r) // by another request in the meantime
	}
	s.begin(r, p)
	return r.Redirect(frame.Back(form.Value("next"), "/"), "")
}

func used(r *frame.Request) error {
	return r.Page(frame.Page{Title: "Link used", Set: set, Name: "used", Data: session.LinkMinutes, Sheet: true,
		Status: http.StatusGone})
}

// throughTheGateway returns a problem if the gateway vouches for the person, so that no session would be used.
func throughTheGateway(r *frame.Request) error {
	p, err := r.Who()
	if err != nil || !p.Gateway() {
		return nil
	}
	return &frame.Problem{Status: http.StatusConflict, Title: "You are logged in through the gateway",
		Text: "You are " + p.Name + " here. To log in with an API token or a link, open the console at its own address."}
}

// link makes a one-time link for the holder of an API token. It is for the command line; a browser's form cannot set
// the header.
func (s *screen) link(r *frame.Request) error {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p, err := s.person(r.Context(), token)
	if err != nil {
		status := http.StatusBadGateway
		if e, ok := errors.AsType[*client.Error](err); ok {
			status = e.Status
		}
		return answer(r, status, map[string]string{"error": err.Error()})
	}
	return answer(r, http.StatusOK, map[string]string{"path": LinkFor(s.frame.Sessions(), p)})
}

// LinkFor returns the path of a new one-time link that logs a person in.
func LinkFor(sessions *session.Store, p session.Person) string {
	return LinkPath + "?" + url.Values{"code": {sessions.Link(p)}}.Encode()
}

func answer(r *frame.Request, status int, v any) error {
	r.W.Header().Set("Content-Type", "application/json")
	r.W.WriteHeader(status)
	return json.NewEncoder(r.W).Encode(v)
}

func (s *screen) logout(r *frame.Request) error {
	s.frame.Sessions().End(session.Cookie(r.Request))
	r.ForgetFlash()
	session.ClearCookie(r.W, r.Request)
	return r.Redirect("/logout", "")
}

func (s *screen) bye(r *frame.Request) error {
	return r.Page(frame.Page{Title: "Logged out", Set: set, Name: "bye", Sheet: true})
}
