package wire

import "time"

// App is a tenant as its owner sees it.
type App struct {
	ID             string    `json:"id"`
	Name           string    `json:"name"`
	WeChatAppID    string    `json:"wechatAppId,omitempty"`
	HasSecret      bool      `json:"hasWechatSecret"`
	AllowedOrigins []string  `json:"allowedOrigins"`
	Destinations   []string  `json:"destinations,omitempty"` // where functions may connect to; none is everywhere
	ChangeLog      ChangeLog `json:"changeLog"`
	LogDays        int       `json:"logRetentionDays,omitempty"` // how long records of invocations are kept; absent is the default
	CreatedAt      time.Time `json:"createdAt"`
}

// ChangeLog is how much of an app's changes is kept. Zero is the server's setting.
type ChangeLog struct {
	AgeSeconds int64 `json:"ageSeconds"`
	Bytes      int64 `json:"bytes"`
}

// DeletedApp is an app that can be brought back.
type DeletedApp struct {
	App
	DeletedAt time.Time `json:"deletedAt"`
	Until     time.Time `json:"until"` // when what it has is dropped for good
}

// DeletedAppsResponse lists deleted apps, the last deleted first.
type DeletedAppsResponse struct {
	Apps []DeletedApp `json:"apps"`
}

// AppsResponse lists apps by ID.
type AppsResponse struct {
	Apps []App `json:"apps"`
}

// AppRequest creates or changes an app. Absent fields stay as they are.
type AppRequest struct {
	ID             string    `json:"id,omitempty"`
	Name           *string   `json:"name,omitempty"`
	WeChatAppID    *string   `json:"wechatAppId,omitempty"`
	WeChatSecret   *string   `json:"wechatSecret,omitempty"`
	AllowedOrigins *[]string `json:"allowedOrigins,omitempty"`
	Destinations   *[]string `json:"destinations,omitempty"`
	// ChangeLog replaces both values; beyond the server's own only an operator may go.
	ChangeLog *ChangeLog `json:"changeLog,omitempty"`
	LogDays   *int       `json:"logRetentionDays,omitempty"` // 0 is the default
}

// AppKeys are the credentials of an app, shown once.
type AppKeys struct {
	APIKey    string `json:"apiKey"`
	SecretID  string `json:"secretId"`
	SecretKey string `json:"secretKey"`
}

// TriggerSpec is a trigger as a project file states it.
type TriggerSpec struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Config   string `json:"config"`
	TimeZone string `json:"timeZone,omitempty"`
	Payload  string `json:"payload,omitempty"`
	Overlap  string `json:"overlap,omitempty"`
}

// Trigger is a trigger with its state.
type Trigger struct {
	Function string      `json:"function"`
	Name     string      `json:"name"`
	Type     string      `json:"type"`
	Schedule string      `json:"schedule"`
	TimeZone string      `json:"timeZone"`
	Overlap  string      `json:"overlap"`
	Enabled  bool        `json:"enabled"`
	NextRuns []time.Time `json:"nextRuns"`
	Last     *Firing     `json:"last,omitempty"`
	Warnings []string    `json:"warnings,omitempty"`
}

// TriggersResponse lists triggers by function and name.
type TriggersResponse struct {
	Triggers []Trigger `json:"triggers"`
}

// TriggerRequest names a trigger.
type TriggerRequest struct {
	Function string `json:"function"`
	Name     string `json:"name"`
	Limit    int    `json:"limit,omitempty"`
}

// AddTriggersRequest gives a function triggers beside those that it has, or in the place of those of the same name.
type AddTriggersRequest struct {
	Function string        `json:"function"`
	Triggers []TriggerSpec `json:"triggers"`
}

// EnableTriggerRequest switches a trigger on or off.
type EnableTriggerRequest struct {
	Function string `json:"function"`
	Name     string `json:"name"`
	Enabled  bool   `json:"enabled"`
}

// Firing is one occasion on which a trigger was due.
type Firing struct {
	ID           string    `json:"id"`
	DueAt        time.Time `json:"dueAt"`
	StartedAt    time.Time `json:"startedAt"`
	DurationMS   float64   `json:"durationMs"`
	Status       string    `json:"status"`
	Message      string    `json:"message,omitempty"`
	InvocationID string    `json:"invocationId,omitempty"`
	Manual       bool      `json:"manual,omitempty"`
}

// FiringsResponse lists firings, newest first.
type FiringsResponse struct {
	Firings []Firing `json:"firings"`
}

// MetricsRequest asks for an app's recent activity.
type MetricsRequest struct {
	Seconds int `json:"seconds,omitempty"`
}

// MetricsResponse is an app's recent activity, oldest bucket first.
type MetricsResponse struct {
	BucketSeconds int             `json:"bucketSeconds"`
	Buckets       []MetricsBucket `json:"buckets"`
	Functions     int             `json:"functions"`
	Collections   int             `json:"collections"`
	Documents     int64           `json:"documents"`
	Bytes         int64           `json:"bytes"`
	Users         int64           `json:"users"`
	Isolation     string          `json:"isolation"`
}

// MetricsBucket is the activity in one span of time.
type MetricsBucket struct {
	Time   time.Time `json:"time"`
	Calls  int64     `json:"calls"`
	Errors int64     `json:"errors"`
	P50MS  float64   `json:"p50Ms"`
	P99MS  float64   `json:"p99Ms"`
}

// ServerInfo describes the server.
type ServerInfo struct {
	Version   string `json:"version"`
	Isolation string `json:"isolation"`
	Protocol  int    `json:"protocol"`
}
