package api

import (
	"context"
	"encoding/json"
	"slices"

	"yunduo"
	"yunduo/data/query/ejson"
	"yunduo/data/rules"
	"yunduo/wire"
)

func ruleOperations() []*Operation {
	return []*Operation{
		row("files.rules", Owner, "Read the rules of an app's files", fileRules),
		row("files.setRules", Owner, "Set the rules of an app's files", setFileRules),
		row("functions.rules", Owner, "Read who may call which function", functionRules),
		row("functions.setRules", Owner, "Set who may call which function", setFunctionRules),
		row("functions.routes", Owner, "Read which HTTP paths lead to which function", functionRoutes),
		row("functions.setRoutes", Owner, "Set which HTTP paths lead to which function", setFunctionRoutes),
		row("rules.test", Owner, "Try what rules let a caller do", testRules),
	}
}

func fileRules(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.RulesResponse, error) {
	text, err := a.rooms.Storage.Rules(ctx, call.inApp())
	return &wire.RulesResponse{Rules: text}, err
}

func setFileRules(ctx context.Context, a *API, call *Call, req *wire.AppRulesRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Storage.SetRules(ctx, call.inApp(), req.Rules)
}

func functionRules(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.RulesResponse, error) {
	text, err := a.rooms.Functions.Rules(ctx, call.Caller, call.App)
	return &wire.RulesResponse{Rules: text}, err
}

func setFunctionRules(ctx context.Context, a *API, call *Call, req *wire.AppRulesRequest) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Functions.SetRules(ctx, call.Caller, call.App, req.Rules)
}

func functionRoutes(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.Routes, error) {
	text, err := a.rooms.Functions.Routes(ctx, call.Caller, call.App)
	return &wire.Routes{Routes: json.RawMessage(text)}, err
}

func setFunctionRoutes(ctx context.Context, a *API, call *Call, req *wire.Routes) (*wire.Empty, error) {
	return &wire.Empty{}, a.rooms.Functions.SetRoutes(ctx, call.Caller, call.App, string(req.Routes))
}

// testRules tells what rules, set or only proposed, let a supposed caller do.
func testRules(ctx context.Context, a *API, call *Call, req *wire.TestRulesRequest) (*wire.TestRulesResponse, error) {
	who := rules.Auth{Lookup: a.rooms.Documents.Lookup(call.App)}
	if s := req.Auth; s != nil {
		who.OpenID, who.UserID, who.UnionID, who.Provider, who.Anonymous = s.OpenID, s.UserID, s.UnionID, s.Provider, s.Anonymous
		if who.OpenID == "" {
			who.OpenID = who.UserID
		}
	}
	text, err := a.rulesToTest(ctx, call, req)
	if err != nil {
		return nil, err
	}
	subject := rules.Documents
	switch req.Kind {
	case "function":
		set, err := rules.ParseFunctions(text)
		if err != nil {
			return nil, err
		}
		may, err := set.MayInvoke(req.Name, who)
		if err != nil {
			return nil, err
		}
		return &wire.TestRulesResponse{Allows: map[bool]string{true: "all", false: "none"}[may]}, nil
	case "files":
		subject = rules.Files
	}
	set, err := rules.ParseFor(subject, text)
	if err != nil {
		return nil, err
	}
	return a.decide(set, req, who)
}

// rulesToTest returns the proposed rules or, without any, those that are set.
func (a *API) rulesToTest(ctx context.Context, call *Call, req *wire.TestRulesRequest) (string, error) {
	switch {
	case !slices.Contains([]string{"collection", "files", "function"}, req.Kind):
		return "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"kind\" must be collection, files or function")
	case req.Rules != "":
		return req.Rules, nil
	case req.Kind == "files":
		return a.rooms.Storage.Rules(ctx, call.inApp())
	case req.Kind == "function":
		return a.rooms.Functions.Rules(ctx, call.Caller, call.App)
	}
	s, err := a.session(call, "")
	if err != nil {
		return "", err
	}
	return s.Rules(ctx, req.Name)
}

func (a *API) decide(set *rules.Rules, req *wire.TestRulesRequest, who rules.Auth) (*wire.TestRulesResponse, error) {
	ops := []rules.Operation{rules.Read, rules.Create, rules.Update, rules.Delete}
	i := slices.IndexFunc(ops, func(op rules.Operation) bool { return op.String() == req.Operation })
	if i < 0 {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field \"operation\" must be read, create, update or delete")
	}
	decision, err := set.Decide(ops[i], who)
	if err != nil {
		return nil, err
	}
	response := &wire.TestRulesResponse{Allows: "all", Strict: decision.Strict}
	switch {
	case decision.Denied:
		response.Allows = "none"
	case decision.Filter != nil:
		response.Allows, response.Filter = "some", ejson.Append(nil, decision.Filter.Raw())
	}
	document, err := a.document("document", req.Document)
	if err != nil {
		return nil, err
	}
	if document != nil {
		allowed := decision.Allows(document)
		response.Allowed = &allowed
	}
	return response, nil
}
