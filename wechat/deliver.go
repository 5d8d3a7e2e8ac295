package wechat

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"yunduo"
)

// remembered is how long a message is known, so that it is not delivered again: WeChat repeats it twice, 5 s apart.
const remembered = time.Minute

// messages are those that were delivered lately on this node.
type messages struct {
	mu    sync.Mutex
	known map[string]*delivery
	tidy  time.Time // when old ones were last dropped
}

type delivery struct {
	at     time.Time
	done   chan struct{}
	answer json.RawMessage
	err    error
}

// deliver runs the function with a message, once however often WeChat sends it, and waits for its answer as long as
// WeChat does. Who waits in vain gets no answer, which WeChat takes for "success"; the function goes on.
func (s *Service) deliver(ctx context.Context, a Account, app yunduo.AppID, function string, fields map[string]any) (json.RawMessage, error) {
	openID, _ := fields["FromUserName"].(string)
	event := maps.Clone(fields)
	event["userInfo"] = map[string]any{"openId": openID, "appId": a.AppID}
	text, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	id := messageID(app, fields)
	d, first := s.messages.take(id, s.options.Now())
	if first {
		run := context.WithoutCancel(ctx)
		s.wg.Go(func() {
			defer close(d.done)
			if d.answer, d.err = s.invoker.InvokeWeChat(run, app, function, openID, a.AppID, text); d.err != nil {
				s.options.Logger.Warn("the function of a WeChat message failed", "app", string(app), "function", function, "error", d.err)
				if yunduo.AsError(d.err).Retryable() { // WeChat's repetition may have better luck
					s.messages.forget(id)
				}
			}
		})
	}
	patience := time.NewTimer(s.options.ReplyWithin)
	defer patience.Stop()
	select {
	case <-d.done:
		return d.answer, d.err
	case <-patience.C:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// messageID names a message: by its number, or an event by who caused it, when and of which kind.
func messageID(app yunduo.AppID, fields map[string]any) string {
	if id := fields["MsgId"]; id != nil {
		return fmt.Sprint(app, "\x00", id)
	}
	text, err := json.Marshal(fields) // events repeat in the same words
	if err != nil {
		return yunduo.NewID()
	}
	return string(app) + "\x00" + string(text)
}

func (m *messages) take(id string, now time.Time) (d *delivery, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.tidy) > remembered {
		m.tidy = now
		for key, old := range m.known {
			if now.Sub(old.at) > remembered {
				delete(m.known, key)
			}
		}
	}
	if d, ok := m.known[id]; ok {
		return d, false
	}
	if m.known == nil {
		m.known = map[string]*delivery{}
	}
	d = &delivery{at: now, done: make(chan struct{})}
	m.known[id] = d
	return d, true
}

func (m *messages) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, id)
}
