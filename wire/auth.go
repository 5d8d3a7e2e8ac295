package wire

import "time"

// Tokens is what a login or a renewal gives.
type Tokens struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	ExpiresIn    int    `json:"expiresIn"` // seconds
	User         User   `json:"user"`
}

// RefreshRequest exchanges a refresh token for new tokens. Attempt, if not empty, is a random name of this exchange: sent
// again under the same one it gives the same refresh token, for replies get lost.
type RefreshRequest struct {
	RefreshToken string `json:"refreshToken"`
	Attempt      string `json:"attempt,omitempty"`
}

// RevokeRequest ends the session that an access or refresh token belongs to.
type RevokeRequest struct {
	Token string `json:"token"`
}

// User is an end user.
type User struct {
	ID          string     `json:"id"`
	OpenID      string     `json:"openId,omitempty"`
	UnionID     string     `json:"unionId,omitempty"`
	Username    string     `json:"username,omitempty"`
	Provider    string     `json:"provider"`
	Phone       string     `json:"phone,omitempty"`
	Email       string     `json:"email,omitempty"`
	Profile     *Profile   `json:"profile,omitempty"`
	Providers   []string   `json:"providers,omitempty"` // ways to sign in
	HasPassword bool       `json:"hasPassword,omitempty"`
	CreatedAt   time.Time  `json:"createdAt"`
	LastLoginAt *time.Time `json:"lastLoginAt,omitempty"`
	// Subjects are who the user is to each provider.
	Subjects map[string]string `json:"identities,omitempty"`
}

// CreateUserRequest makes a password user.
type CreateUserRequest struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// UserRequest names a user.
type UserRequest struct {
	ID string `json:"id"`
}

// FindUserRequest names a user by an identity: Provider is phone, email, password (for usernames), custom, wechat (for
// openids) or that of another sign-in.
type FindUserRequest struct {
	Provider string `json:"provider"`
	Subject  string `json:"subject"`
}

// ListUsersRequest asks for a page of users.
type ListUsersRequest struct {
	Search string `json:"search,omitempty"`
	After  string `json:"after,omitempty"`
	Limit  int    `json:"limit,omitempty"`
}

// ListUsersResponse is a page of users; Next continues it, empty at the end.
type ListUsersResponse struct {
	Users []User `json:"users"`
	Next  string `json:"next,omitempty"`
}

// OperatorLoginRequest signs in to the console: with a one-time token, or with name and password.
type OperatorLoginRequest struct {
	Token    string `json:"token,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
	// SetUp makes the first operator account out of Username and Password with a set-up token.
	SetUp bool `json:"setUp,omitempty"`
}

// OperatorTokens is what signing in to the console gives.
type OperatorTokens struct {
	AccessToken string `json:"accessToken"`
	ExpiresIn   int    `json:"expiresIn"` // seconds
	SetUp       bool   `json:"setUp"`     // the token asks for an account to be made
}
