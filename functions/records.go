package functions

import (
	"fmt"
	"regexp"
	"time"

	"yunduo"
	"yunduo/functions/bundle"
)

// functionRecord is a function: which of its versions is live.
type functionRecord struct {
	ID        string       `bson:"_id"` // app/name
	App       yunduo.AppID `bson:"app"`
	Name      string       `bson:"name"`
	Live      int64        `bson:"live"`
	Last      int64        `bson:"last"` // highest number ever given
	UpdatedAt time.Time    `bson:"updatedAt"`
	// Next is the version that shares the live calls while they are split, Points its share.
	Next   int64  `bson:"next,omitempty"`
	Points uint32 `bson:"points,omitempty"`
	// Release is the number of the release that made Live live; 0 if none did.
	Release int64 `bson:"release,omitempty"`
	// Before are the versions that were live, the latest last.
	Before  []int64                `bson:"before,omitempty"`
	Aliases map[string]destination `bson:"aliases,omitempty"`
	Canary  *canaryRecord          `bson:"canary,omitempty"` // the running one, or the last
}

// versionRecord is one immutable version.
type versionRecord struct {
	ID        string         `bson:"_id"` // app/name/number
	App       yunduo.AppID   `bson:"app"`
	Function  string         `bson:"function"`
	Number    int64          `bson:"number"`
	Content   string         `bson:"content"` // hash of bundle and settings
	Bundle    string         `bson:"bundle"`  // hash of the bundle; empty if there is none
	Mode      bundle.Mode    `bson:"mode"`
	Server    bool           `bson:"server,omitempty"`  // the code takes HTTP requests by itself
	Fetches   bool           `bson:"fetches,omitempty"` // it loads the runtime's own fetch
	Reason    string         `bson:"reason,omitempty"`  // why it is unbundled
	Size      int64          `bson:"size"`
	Settings  Settings       `bson:"settings"`
	CreatedAt time.Time      `bson:"createdAt"`
	CreatedBy string         `bson:"createdBy"`
	Warnings  []string       `bson:"warnings,omitempty"`
	Failure   *failureRecord `bson:"failure,omitempty"`
}

// failureRecord says why a version cannot run.
type failureRecord struct {
	Reason  yunduo.Reason `bson:"reason"`
	Message string        `bson:"message"`
	Stack   string        `bson:"stack,omitempty"`
}

func newFailure(err error) *failureRecord {
	if err == nil {
		return nil
	}
	e := yunduo.AsError(err)
	return &failureRecord{Reason: e.Reason, Message: e.Message, Stack: e.Stack}
}

func (f *failureRecord) error() *yunduo.Error {
	if f == nil {
		return nil
	}
	// Whoever calls learns that the code cannot be loaded, whatever the cause was at deployment.
	return &yunduo.Error{Reason: yunduo.ReasonFunctionLoadFailed, Message: f.Message, Stack: f.Stack}
}

func functionID(app yunduo.AppID, name string) string { return string(app) + "/" + name }

func versionID(app yunduo.AppID, name string, number int64) string {
	return fmt.Sprintf("%s/%s/%d", app, name, number)
}

// Trigger is a schedule that the author wants for a function. The triggers room makes it fire.
type Trigger struct {
	Name     string `bson:"name" json:"name"`
	Schedule string `bson:"schedule" json:"schedule"`
	TimeZone string `bson:"timeZone,omitempty" json:"timeZone,omitempty"`
}

// Settings are the author's choices for a function. Zero values mean the platform's defaults.
type Settings struct {
	Timeout     time.Duration     `bson:"timeout,omitempty" json:"timeout,omitempty"`
	Handler     string            `bson:"handler,omitempty" json:"handler,omitempty"` // file and export, "index.main"
	Env         map[string]string `bson:"env,omitempty" json:"env,omitempty"`
	Concurrency int               `bson:"concurrency,omitempty" json:"concurrency,omitempty"`
	Unbundled   bool              `bson:"unbundled,omitempty" json:"unbundled,omitempty"`
	// Serves says that the exported function takes HTTP requests, (request, response), and not events.
	Serves      bool `bson:"serves,omitempty" json:"serves,omitempty"`
	OfficialSDK bool `bson:"officialSdk,omitempty" json:"officialSdk,omitempty"`
	// Schema is the JSON Schema of the event; what does not fit never reaches the code. Empty takes anything.
	Schema   string    `bson:"schema,omitempty" json:"schema,omitempty"`
	Triggers []Trigger `bson:"triggers,omitempty" json:"triggers,omitempty"`
}

// serverConcurrency is how many requests a server serves at once whose author says nothing about it. Servers expect
// concurrent requests, and share what they keep in memory among them.
const serverConcurrency = 100

// DefaultTimeout is the time limit of a function whose author set none.
const DefaultTimeout = 60 * time.Second

var (
	aliasRule    = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	nameRule     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$`)
	variableRule = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`)
	handlerRule  = regexp.MustCompile(`^[A-Za-z0-9_./-]*[A-Za-z0-9_-]\.[A-Za-z_$][A-Za-z0-9_$]*$`)
)

const (
	maxVariables     = 100
	maxVariableBytes = 64 << 10
	maxTriggers      = 20
	maxConcurrency   = 1000
)

func validName(name string) error {
	if !nameRule.MatchString(name) {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "name: %q cannot name a function: use up to 64 letters, digits, '_' and '-'", name)
	}
	return nil
}

// validate checks the author's settings.
func (s *Settings) validate(limits Limits) error {
	switch {
	case s.Timeout < 0 || s.Timeout > limits.MaxTimeout:
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "timeout: %v is not between 0 and %v", s.Timeout, limits.MaxTimeout)
	case s.Concurrency < 0 || s.Concurrency > maxConcurrency:
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "concurrency: %d is not between 0 and %d", s.Concurrency, maxConcurrency)
	case s.Handler != "" && !handlerRule.MatchString(s.Handler):
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "handler: %q is not a file and an export, as in index.main", s.Handler)
	case len(s.Env) > maxVariables:
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "env: there are more than %d variables", maxVariables)
	case len(s.Triggers) > maxTriggers:
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "triggers: there are more than %d", maxTriggers)
	}
	if _, err := parseSchema(s.Schema); err != nil {
		return err
	}
	size := 0
	for name, value := range s.Env {
		if !variableRule.MatchString(name) {
			return yunduo.Errorf(yunduo.ReasonInvalidConfig, "env: %q cannot name a variable", name)
		}
		if size += len(name) + len(value); size > maxVariableBytes {
			return yunduo.Errorf(yunduo.ReasonInvalidConfig, "env: the variables hold more than %d KiB", maxVariableBytes>>10)
		}
	}
	seen := make(map[string]bool, len(s.Triggers))
	for i, t := range s.Triggers {
		if t.Name == "" || len(t.Name) > 128 || seen[t.Name] {
			return yunduo.Errorf(yunduo.ReasonInvalidConfig, "triggers[%d]: the name %q is empty, too long or used twice", i, t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}

// timeout returns the time limit that holds.
func (s *Settings) timeout() time.Duration {
	if s.Timeout == 0 {
		return DefaultTimeout
	}
	return s.Timeout
}
