package cloudbase

// signInActions are what js-sdk 1 does without an access token.
var signInActions = map[string]action{}
