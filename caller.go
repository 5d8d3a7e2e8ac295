package yunduo

// Role says in which capacity a caller acts.
type Role string

// The closed set of roles, from the least to the most powerful.
const (
	RoleAnonymous Role = "anonymous" // an end user without a proven identity
	RoleUser      Role = "user"      // an end user of the app
	RoleFunction  Role = "function"  // code of the app, possibly on behalf of an end user
	RoleTrigger   Role = "trigger"   // a schedule or an event of the app
	RoleOwner     Role = "owner"     // who administers the app: console, CLI, API key, signed admin requests
	RoleSystem    Role = "system"    // the platform itself
)

// Caller is who is asking, as established by the gateway. Rooms take it as an explicit parameter:
// a missing caller is a compile error, a zero one has no rights.
type Caller struct {
	App  AppID // the app the caller belongs to; empty only for an operator (Role owner, every app)
	Role Role

	UserID      string // our user ID; empty when no end user is involved
	SessionID   string // the login that the access token belongs to
	Provider    string // how the identity was proven: wechat, anonymous, password, custom
	OpenID      string // the end user's ID within the app, written to _openid
	UnionID     string
	WeChatAppID string
	Username    string

	Function     string // set for RoleFunction: the function whose code is running
	InvocationID string // set for RoleFunction: the running invocation
	ClientIP     string
}

// Privileged reports whether security rules do not apply: code of the app, its owner and the platform itself.
func (c Caller) Privileged() bool {
	switch c.Role {
	case RoleFunction, RoleTrigger, RoleOwner, RoleSystem:
		return true
	}
	return false
}

// EndUser reports whether the call comes straight from an end user.
func (c Caller) EndUser() bool { return c.Role == RoleUser || c.Role == RoleAnonymous }

// Operator reports whether the caller administers the whole server.
func (c Caller) Operator() bool { return c.Role == RoleOwner && c.App == "" }

// MayManage reports whether the caller administers app.
func (c Caller) MayManage(app AppID) bool {
	return c.Role == RoleSystem || (c.Role == RoleOwner && (c.App == app || c.App == ""))
}

// System is the platform acting inside app.
func System(app AppID) Caller { return Caller{App: app, Role: RoleSystem} }
