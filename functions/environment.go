package functions

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"yunduo"
	"yunduo/functions/runtime"
)

// Environment gives the variables that are set for a function beside its deployment, and which of them are secrets.
type Environment func(ctx context.Context, app yunduo.AppID, function string) (values map[string]string, secret map[string]bool, err error)

// minRedacted is how many bytes a secret must have to be recognised in what code prints: shorter ones would turn up in
// words.
const minRedacted = 6

// outfit gives a bundle the variables that are set for its function, over those of its deployment, and its program what
// hides the secrets among them.
func (s *Service) outfit(ctx context.Context, p *program, b *runtime.Bundle) error {
	if s.options.Environment == nil {
		return nil
	}
	values, secret, err := s.options.Environment(ctx, b.App, b.Function)
	if err != nil || len(values) == 0 {
		return err
	}
	own := b.Env
	b.Env = make(map[string]string, len(own)+len(values))
	maps.Copy(b.Env, own)
	maps.Copy(b.Env, values)
	p.set = values
	var hidden []string
	names := slices.Collect(maps.Keys(secret))
	// The longest first: one secret may begin with another.
	slices.SortFunc(names, func(a, b string) int { return len(values[b]) - len(values[a]) })
	for _, name := range names {
		if !secret[name] {
			continue
		}
		p.secret = append(p.secret, name)
		if len(values[name]) < minRedacted {
			continue
		}
		for _, form := range spellings(values[name]) {
			hidden = append(hidden, form, standIn(name))
		}
	}
	if hidden != nil {
		p.secrets = strings.NewReplacer(hidden...)
	}
	return nil
}

// standIn is what stands in logs and records for the value of a secret.
func standIn(name string) string { return "[secret " + name + "]" }

// spellings returns a text as it is, and as it stands inside of quotation marks, if that is different.
func spellings(text string) []string {
	list := []string{text}
	inJSON, _ := json.Marshal(text) // never fails
	for _, quoted := range []string{strconv.Quote(text), string(inJSON)} {
		if inside := quoted[1 : len(quoted)-1]; !slices.Contains(list, inside) {
			list = append(list, inside)
		}
	}
	return list
}

func (s *Service) epoch(app yunduo.AppID) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.epochs[app]
}

// outfitted reports whether a program has the variables that are set now.
func (s *Service) outfitted(ctx context.Context, p *program, app yunduo.AppID, function string) bool {
	if s.options.Environment == nil || p.failure != nil {
		return true
	}
	values, _, err := s.options.Environment(ctx, app, function)
	return err == nil && maps.Equal(values, p.set)
}

// hide takes the secrets out of a text.
func (p *program) hide(text string) string {
	if p.secrets == nil {
		return text
	}
	return p.secrets.Replace(text)
}

// hideFields takes the secrets out of the fields of a line.
func (p *program) hideFields(fields json.RawMessage) json.RawMessage {
	if p.secrets == nil || fields == nil {
		return fields
	}
	clean := json.RawMessage(p.hide(string(fields)))
	if !json.Valid(clean) { // what was replaced was not a value but JSON itself
		return nil
	}
	return clean
}

// hideIn takes the secrets out of an error of the code.
func (p *program) hideIn(err error) error {
	if err == nil || p.secrets == nil {
		return err
	}
	e := *yunduo.AsError(err)
	e.Message, e.Stack = p.hide(e.Message), p.hide(e.Stack)
	if e.Cause != nil && p.hide(e.Cause.Error()) != e.Cause.Error() {
		e.Cause = errors.New(p.hide(e.Cause.Error()))
	}
	return &e
}

// discreet takes the secrets out of the errors with which reading from a connection to the code fails.
func (p *program) discreet(c net.Conn) net.Conn {
	if p.secrets == nil {
		return c
	}
	return discreetConn{c, p}
}

type discreetConn struct {
	net.Conn
	program *program
}

func (c discreetConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if _, ok := errors.AsType[*yunduo.Error](err); ok { // others, such as io.EOF, are none of the code's words
		err = c.program.hideIn(err)
	}
	return n, err
}

// Reload makes a function of an app, or all of them if function is empty, take its variables anew: the next invocation
// sees them, running ones end with those that they began with.
func (s *Service) Reload(ctx context.Context, app yunduo.AppID, function string) (err error) {
	s.reload(app, function, func(id string) {
		unlock, failed := s.changes.Lock(ctx, id)
		if failed != nil {
			err = failed
			return
		}
		defer unlock()
		s.forget(id)
	})
	return err
}

// reload lets again run for each loaded function that a change of variables is about.
func (s *Service) reload(app yunduo.AppID, function string, again func(id string)) {
	s.mu.Lock()
	s.epochs[app]++ // what is being loaded now is loaded again
	s.mu.Unlock()
	for _, id := range s.loadedIDs() {
		of, name, _ := strings.Cut(id, "/")
		if of == string(app) && (function == "" || name == function) {
			again(id)
		}
	}
}
