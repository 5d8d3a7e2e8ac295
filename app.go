package yunduo

import "regexp"

// AppID names a tenant: one mini-program backend with its own data, files, functions and users.
type AppID string

// SystemApp is the reserved app that holds the platform's own records. No caller from outside may name it.
const SystemApp AppID = "_system"

var appIDPattern = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?$`)

// Validate reports whether the ID may name an app: 1 to 48 lower-case letters, digits and inner hyphens.
// It returns an invalid_app_id error otherwise.
func (a AppID) Validate() error {
	if !appIDPattern.MatchString(string(a)) {
		return Errorf(ReasonInvalidAppID, "%q cannot name an app: use 1 to 48 lower-case letters, digits and inner hyphens", string(a))
	}
	return nil
}
