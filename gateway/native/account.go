package native

// accountRoutes are what people do with their own accounts: method, path below /v1/apps/{app}/auth, operation.
var accountRoutes = []struct{ method, path, operation string }{
	{"POST", "/codes", "auth.sendCode"},
	{"POST", "/codes/verify", "auth.verifyCode"},
	{"POST", "/links", "auth.sendLink"},
	{"POST", "/links/use", "auth.useLink"},
	{"POST", "/signUp", "auth.signUp"},
	{"POST", "/prove", "auth.proveIdentity"},
	{"POST", "/exists", "auth.exists"},
	{"POST", "/resetPassword", "auth.resetPassword"},
	{"POST", "/link", "auth.link"},
	{"POST", "/unlink", "auth.unlink"},
	{"PATCH", "/me", "auth.updateMe"},
	{"POST", "/sudo", "auth.sudo"},
	{"POST", "/setPassword", "auth.setPassword"},
	{"POST", "/deleteMe", "auth.deleteMe"},
	{"GET", "/sessions", "auth.sessions"},
	{"POST", "/sessions/revoke", "auth.revokeSession"},
	{"POST", "/sessions/revokeOthers", "auth.revokeOthers"},
}
