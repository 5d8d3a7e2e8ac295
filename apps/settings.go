package apps

import (
	"context"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/internal/destinations"
)

// Bounds on what is kept of an app.
const (
	maxName      = 100 // characters
	maxOrigins   = 50
	maxTimeout   = time.Hour
	maxMemoryMiB = 8192
	maxSlots     = 1000
	minLogAge    = time.Minute
	maxLogAge    = 10 * 365 * 24 * time.Hour
	minLogBytes  = 1 << 20
	maxLogDays   = 365
)

// App is a tenant.
type App struct {
	ID             yunduo.AppID     `json:"id"`
	Name           string           `json:"name"`
	WeChat         WeChat           `json:"wechat"`
	AllowedOrigins []string         `json:"allowedOrigins"` // as scheme://host[:port] in lower case
	Functions      FunctionDefaults `json:"functions"`
	Destinations   []string         `json:"destinations"` // where functions may connect to; none is everywhere
	ChangeLog      ChangeLog        `json:"changeLog"`
	LogDays        int              `json:"logDays"` // how many days records of invocations are kept; 0 is the default
	CreatedAt      time.Time        `json:"createdAt"`
	UpdatedAt      time.Time        `json:"updatedAt"`
}

// WeChat names the mini-program that an app is the backend of.
type WeChat struct {
	AppID  string `json:"appId"`
	Secret string `json:"-"` // never leaves the server; HasSecret says that there is one
	// HasSecret is set by the register.
	HasSecret bool `json:"hasSecret"`
}

// FunctionDefaults are settings of functions that bring none of their own. Zero is the platform's default.
type FunctionDefaults struct {
	Timeout     time.Duration     `json:"timeout" bson:"timeout"`   // of one invocation
	MemoryMiB   int               `json:"memoryMiB" bson:"memory"`  // heap of one process
	Concurrency int               `json:"concurrency" bson:"slots"` // requests at a time in one slot
	Environment map[string]string `json:"environment,omitempty" bson:"environment,omitempty"`
}

// ChangeLog is how much of an app's changes is kept: for watches that resume, history and restores. Zero is the
// server's setting.
type ChangeLog struct {
	Age   time.Duration `json:"age" bson:"age"`
	Bytes int64         `json:"bytes" bson:"bytes"`
}

// beyond reports whether more is to be kept than a limit says.
func (c ChangeLog) beyond(limit ChangeLog) bool { return c.Age > limit.Age || c.Bytes > limit.Bytes }

// retention tells the document engine how much of an app's changes to keep.
func (r *Registry) retention(id yunduo.AppID) driver.Retention {
	if rec, err := r.apps.Get(context.Background(), string(id)); err == nil {
		return driver.Retention{Age: rec.ChangeLog.Age, Bytes: rec.ChangeLog.Bytes}
	}
	return driver.Retention{}
}

// Change says what to change of an app; nil fields stay as they are.
type Change struct {
	Name           *string
	WeChatAppID    *string
	WeChatSecret   *string // the empty text removes it
	AllowedOrigins *[]string
	Functions      *FunctionDefaults
	Destinations   *[]string
	ChangeLog      *ChangeLog
	LogDays        *int
}

// apply checks a change and puts it into the record.
func (r *Registry) apply(rec *record, c Change) error {
	if c.Name != nil {
		if n := utf8.RuneCountInString(*c.Name); n < 1 || n > maxName || !utf8.ValidString(*c.Name) {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "name: an app's name has 1 to %d characters", maxName)
		}
		rec.Name = *c.Name
	}
	if c.WeChatAppID != nil {
		if len(*c.WeChatAppID) > 64 || strings.ContainsFunc(*c.WeChatAppID, notInWeChatID) {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "wechat.appId: %q is no WeChat app ID", *c.WeChatAppID)
		}
		rec.WeChatAppID = *c.WeChatAppID
	}
	if c.WeChatSecret != nil {
		if len(*c.WeChatSecret) > 256 {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "wechat.secret: longer than 256 bytes")
		}
		rec.WeChatSecret = nil
		if *c.WeChatSecret != "" {
			var err error
			if rec.WeChatSecret, err = r.vault.Seal(*c.WeChatSecret, secretPlace(rec.ID)); err != nil {
				return err
			}
		}
	}
	if c.AllowedOrigins != nil {
		origins, err := normalOrigins(*c.AllowedOrigins)
		if err != nil {
			return err
		}
		rec.Origins = origins
	}
	if c.Destinations != nil {
		if _, err := destinations.Parse(*c.Destinations); err != nil {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "destinations: %v; write api.example.com, *.example.com, 203.0.113.7 or 203.0.113.0/24, each with or without a port", err)
		}
		rec.Destinations = *c.Destinations
	}
	if f := c.Functions; f != nil {
		if f.Timeout < 0 || f.Timeout > maxTimeout || f.MemoryMiB < 0 || f.MemoryMiB > maxMemoryMiB || f.Concurrency < 0 || f.Concurrency > maxSlots {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "functions: a timeout is at most %s, memory %d MiB, concurrency %d", maxTimeout, maxMemoryMiB, maxSlots)
		}
		rec.Functions = *f
	}
	if c.LogDays != nil {
		if *c.LogDays < 0 || *c.LogDays > maxLogDays {
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "logRetentionDays: %d is not between 0 (the default) and %d", *c.LogDays, maxLogDays)
		}
		rec.LogDays = *c.LogDays
	}
	if l := c.ChangeLog; l != nil {
		switch {
		case l.Age != 0 && (l.Age < minLogAge || l.Age > maxLogAge), l.Bytes != 0 && l.Bytes < minLogBytes:
			return yunduo.Errorf(yunduo.ReasonInvalidRequest, "changeLog: changes are kept for at least %s and at most %s, and at least %d bytes of them; 0 is the server's setting", minLogAge, maxLogAge, minLogBytes)
		case *l != ChangeLog{} && !r.retains:
			return yunduo.Errorf(yunduo.ReasonUnsupportedCall, "changeLog: the document engine of this server keeps the same for all apps")
		}
		rec.ChangeLog = *l
	}
	return nil
}

func notInWeChatID(c rune) bool {
	return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != '-'
}

// normalOrigins returns origins as browsers send them.
func normalOrigins(origins []string) ([]string, error) {
	if len(origins) > maxOrigins {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "allowedOrigins: %d are more than %d", len(origins), maxOrigins)
	}
	normal := []string{}
	for i, origin := range origins {
		u, err := url.Parse(strings.ToLower(strings.TrimSuffix(origin, "/")))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != u.String() {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "allowedOrigins[%d]: %q is not like https://example.com", i, origin)
		}
		normal = append(normal, u.String())
	}
	return normal, nil
}
