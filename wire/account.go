package wire

import (
	"encoding/json"
	"time"
)

// Profile is what a user says about themselves.
type Profile struct {
	Name     string `json:"name,omitempty"`
	Picture  string `json:"picture,omitempty"`
	Gender   string `json:"gender,omitempty"`
	Country  string `json:"country,omitempty"`
	Province string `json:"province,omitempty"`
	City     string `json:"city,omitempty"`
}

// SendCodeRequest asks for a verification code to a phone number or an email address. Target USER wants one that an
// account has, NOT_USER one that none has, CUR_USER the caller's own.
type SendCodeRequest struct {
	Phone  string `json:"phone,omitempty"`
	Email  string `json:"email,omitempty"`
	Usage  string `json:"usage,omitempty"`
	Target string `json:"target,omitempty" enum:"ANY,USER,NOT_USER,CUR_USER"`
	// Captcha is what the captcha gave, after captcha_required.
	Captcha string `json:"captcha,omitempty"`
}

// SendCodeResponse says where the code is to be verified.
type SendCodeResponse struct {
	VerificationID string `json:"verificationId"`
	ExpiresIn      int    `json:"expiresIn"` // seconds
	IsUser         bool   `json:"isUser"`
}

// VerifyCodeRequest exchanges a code for a token: the one of an ID, or the newest to a phone number or address.
type VerifyCodeRequest struct {
	VerificationID string `json:"verificationId,omitempty"`
	Phone          string `json:"phone,omitempty"`
	Email          string `json:"email,omitempty"`
	Code           string `json:"code"`
}

// VerifyCodeResponse holds the token that a code gave. It is good once.
type VerifyCodeResponse struct {
	VerificationToken string `json:"verificationToken"`
	ExpiresIn         int    `json:"expiresIn"` // seconds
}

// SendLinkRequest asks for a link to an email address: to make an account, to set a lost password, or to give the
// caller's account the address. Password is that of the new account, or the caller's own.
type SendLinkRequest struct {
	Email    string `json:"email"`
	Purpose  string `json:"purpose" enum:"signUp,resetPassword,email"`
	Password string `json:"password,omitempty"`
	// Captcha is what the captcha gave, after captcha_required.
	Captcha string `json:"captcha,omitempty"`
}

// UseLinkRequest does what the link of a token is for. NewPassword is for links that set one.
type UseLinkRequest struct {
	Token       string `json:"token"`
	NewPassword string `json:"newPassword,omitempty"`
}

// SignUpRequest makes an account, by the token of a verified code or of a provider. AnonymousToken is the access token
// of an anonymous user who becomes the account's.
type SignUpRequest struct {
	VerificationToken string   `json:"verificationToken,omitempty"`
	IdentityToken     string   `json:"identityToken,omitempty"`
	Username          string   `json:"username,omitempty"`
	Password          string   `json:"password,omitempty"`
	Profile           *Profile `json:"profile,omitempty"`
	AnonymousToken    string   `json:"anonymousToken,omitempty"`
}

// ProveIdentityRequest asks a provider whose credential it is.
type ProveIdentityRequest struct {
	Provider   string          `json:"provider"`
	Credential json.RawMessage `json:"credential"`
}

// ProveIdentityResponse holds a token for signing in or up, or for linking.
type ProveIdentityResponse struct {
	IdentityToken string `json:"identityToken"`
}

// LinkRequest adds a way to sign in, by one of the tokens or by a provider's credential.
type LinkRequest struct {
	VerificationToken string          `json:"verificationToken,omitempty"`
	IdentityToken     string          `json:"identityToken,omitempty"`
	Provider          string          `json:"provider,omitempty"`
	Credential        json.RawMessage `json:"credential,omitempty"`
}

// UnlinkRequest takes a way to sign in away.
type UnlinkRequest struct {
	Provider string `json:"provider"`
}

// UpdateMeRequest changes the caller's account; what is absent stays.
type UpdateMeRequest struct {
	Username          *string  `json:"username,omitempty"`
	Phone             *string  `json:"phone,omitempty"`
	Email             *string  `json:"email,omitempty"`
	Profile           *Profile `json:"profile,omitempty"`
	VerificationToken string   `json:"verificationToken,omitempty"`
}

// SudoRequest confirms who is at the session, by password or by a verified code.
type SudoRequest struct {
	Password          string `json:"password,omitempty"`
	VerificationToken string `json:"verificationToken,omitempty"`
}

// SudoResponse holds a token for what needs the confirmation.
type SudoResponse struct {
	SudoToken string `json:"sudoToken"`
}

// SetPasswordRequest sets the caller's password, confirmed by a sudo token or the old one.
type SetPasswordRequest struct {
	SudoToken   string `json:"sudoToken,omitempty"`
	OldPassword string `json:"oldPassword,omitempty"`
	NewPassword string `json:"newPassword"`
}

// ResetPasswordRequest sets the password of the account whose number or address was verified.
type ResetPasswordRequest struct {
	VerificationToken string `json:"verificationToken"`
	NewPassword       string `json:"newPassword"`
}

// DeleteMeRequest removes the caller's account.
type DeleteMeRequest struct {
	SudoToken string `json:"sudoToken"`
}

// UserExistsRequest asks whether a name, number or address is in use.
type UserExistsRequest struct {
	Name string `json:"name"`
}

// UserExistsResponse answers it.
type UserExistsResponse struct {
	Exists bool `json:"exists"`
}

// Session is a login that lasts.
type Session struct {
	ID        string    `json:"id"`
	Provider  string    `json:"provider"`
	IP        string    `json:"ip,omitempty"`
	Device    string    `json:"device,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	Current   bool      `json:"current,omitempty"`
}

// SessionsResponse lists sessions, the newest first.
type SessionsResponse struct {
	Sessions []Session `json:"sessions"`
}

// SessionRequest names a session, and its user where an owner asks.
type SessionRequest struct {
	UserID  string `json:"id,omitempty"`
	Session string `json:"session"`
}

// UserPasswordRequest gives a user a password.
type UserPasswordRequest struct {
	ID       string `json:"id"`
	Password string `json:"password"`
}

// TicketKey is a key pair for custom sign-in, in the form of the official SDKs' credentials file. The private key is
// given once.
type TicketKey struct {
	ID         string    `json:"private_key_id"`
	PrivateKey string    `json:"private_key,omitempty"`
	Env        string    `json:"env_id"`
	CreatedAt  time.Time `json:"createdAt"`
}

// TicketKeysResponse lists key pairs without their private keys.
type TicketKeysResponse struct {
	Keys []TicketKey `json:"keys"`
}

// TicketKeyRequest names a key pair.
type TicketKeyRequest struct {
	Key string `json:"key"`
}
