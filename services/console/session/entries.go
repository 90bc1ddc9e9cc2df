package session

import "time"

// entries are sessions or links, bounded in all and for each person: nobody ends those of others by having many.
type entries struct {
	all       map[key]*entry
	of        map[string]map[key]*entry // by [Person.Key]
	most, own int
}

type entry struct {
	person      Person
	began, used time.Time
}

func newEntries(most, own int) entries {
	return entries{all: map[key]*entry{}, of: map[string]map[key]*entry{}, most: most, own: own}
}

// insert adds an entry. If the person has too many, or all together are, the one unused for longest ends.
func (s *entries) insert(k key, p Person, now time.Time) {
	if theirs := s.of[p.Key()]; len(theirs) >= s.own {
		s.remove(oldest(theirs))
	}
	if len(s.all) >= s.most {
		s.remove(oldest(s.all))
	}
	e := &entry{person: p, began: now, used: now}
	s.all[k] = e
	theirs := s.of[p.Key()]
	if theirs == nil {
		theirs = map[key]*entry{}
		s.of[p.Key()] = theirs
	}
	theirs[k] = e
}

// remove ends an entry, if there is one.
func (s *entries) remove(k key) {
	e := s.all[k]
	if e == nil {
		return
	}
	delete(s.all, k)
	of := e.person.Key()
	if delete(s.of[of], k); len(s.of[of]) == 0 {
		delete(s.of, of)
	}
}

// oldest returns the entry unused for longest.
func oldest(all map[key]*entry) (found key) {
	var at time.Time
	for k, e := range all {
		if at.IsZero() || e.used.Before(at) {
			found, at = k, e.used
		}
	}
	return found
}
