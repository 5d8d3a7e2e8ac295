package cloudbase

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"yunduo"
	"yunduo/wire"
)

// What the vendor keeps in accounts of its own and the tools want to see: an environment has one bucket of this name,
// one database and one log, all named after it.
const (
	accountID  = "1250000000"
	bucketName = "yunduo-" + accountID
)

// environmentInfo describes an app as the tools expect an environment to be.
func (c *controlCall) environmentInfo(app *wire.App) map[string]any {
	return map[string]any{
		"EnvId": app.ID, "Alias": app.Name, "Status": "NORMAL", "Region": c.region, "Source": "qcloud", "EnvType": "baas",
		"PackageId": "", "PackageName": "", "IsDefault": false, "IsAutoDegrade": false, "EnvChannel": "", "PayMode": "", "Tags": []any{},
		"CreateTime": c.time(app.CreatedAt), "UpdateTime": c.time(app.CreatedAt),
		"Functions":      []any{map[string]any{"Namespace": app.ID, "Region": c.region}},
		"Databases":      []any{map[string]any{"InstanceId": app.ID, "Region": c.region, "Status": "RUNNING"}},
		"Storages":       []any{map[string]any{"Bucket": bucketName, "Region": c.region, "CdnDomain": "", "AppId": accountID}},
		"LogServices":    []any{map[string]any{"LogsetName": app.ID, "LogsetId": app.ID, "TopicName": app.ID, "TopicId": app.ID, "Region": c.region}},
		"StaticStorages": []any{},
	}
}

func describeEnvs(ctx context.Context, c *controlCall) (members, error) {
	response, err := do[wire.AppsResponse](ctx, c.request, "apps.list", &wire.Empty{})
	if err != nil {
		return nil, err
	}
	list := []any{}
	for i := range response.Apps {
		if wanted := c.params.text("EnvId"); wanted == "" || response.Apps[i].ID == string(c.call.App) {
			list = append(list, c.environmentInfo(&response.Apps[i]))
		}
	}
	return members{"EnvList": list, "Total": len(list)}, nil
}

func describeEnvInfo(ctx context.Context, c *controlCall) (members, error) {
	app, err := do[wire.App](ctx, c.request, "apps.get", &wire.Empty{})
	if err != nil {
		return nil, err
	}
	return members{"EnvInfo": map[string]any{
		"EnvBaseInfo": c.environmentInfo(app), "UserInfo": map[string]any{"AppId": accountID, "Uin": accountID},
	}}, nil
}

func describeAccount(context.Context, *controlCall) (members, error) {
	return members{"AppId": accountID, "Uin": accountID, "AccountStatus": "NORMAL"}, nil
}

func modifyEnv(ctx context.Context, c *controlCall) (members, error) {
	name := c.params.text("Alias")
	_, err := do[wire.App](ctx, c.request, "apps.update", &wire.AppRequest{Name: &name})
	return members{}, err
}

// The vendor's safe domains are hosts; an app's allowed origins have a scheme too. One that is added so is allowed by
// https, and by http if it is this machine.
func originOf(domain string) string {
	switch {
	case strings.Contains(domain, "://"):
		return domain
	case domain == "localhost" || strings.HasPrefix(domain, "localhost:") || strings.HasPrefix(domain, "127.0.0.1"):
		return "http://" + domain
	}
	return "https://" + domain
}

func describeAuthDomains(ctx context.Context, c *controlCall) (members, error) {
	app, err := do[wire.App](ctx, c.request, "apps.get", &wire.Empty{})
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, origin := range app.AllowedOrigins {
		_, domain, _ := strings.Cut(origin, "://")
		list = append(list, map[string]any{
			"Id": origin, "Domain": domain, "Type": "USER", "Status": "ENABLE", "CreateTime": c.time(app.CreatedAt), "UpdateTime": c.time(app.CreatedAt),
		})
	}
	return members{"Domains": list}, nil
}

// changeOrigins lets change edit the app's allowed origins.
func changeOrigins(ctx context.Context, c *controlCall, change func(origins, given []string) []string) error {
	var p struct{ Domains, DomainIDs []string }
	if err := c.into(&p); err != nil {
		return err
	}
	app, err := do[wire.App](ctx, c.request, "apps.get", &wire.Empty{})
	if err != nil {
		return err
	}
	origins := change(slices.Clone(app.AllowedOrigins), append(p.Domains, p.DomainIDs...))
	_, err = do[wire.App](ctx, c.request, "apps.update", &wire.AppRequest{AllowedOrigins: &origins})
	return err
}

func createAuthDomain(ctx context.Context, c *controlCall) (members, error) {
	return members{}, changeOrigins(ctx, c, func(origins, given []string) []string {
		for _, domain := range given {
			if origin := originOf(domain); !slices.Contains(origins, origin) {
				origins = append(origins, origin)
			}
		}
		return origins
	})
}

func deleteAuthDomain(ctx context.Context, c *controlCall) (members, error) {
	deleted := 0
	err := changeOrigins(ctx, c, func(origins, given []string) []string {
		left := slices.DeleteFunc(origins, func(origin string) bool { return slices.Contains(given, origin) })
		deleted = len(origins) - len(left)
		return left
	})
	return members{"Deleted": deleted}, err
}

func createCustomLoginKeys(ctx context.Context, c *controlCall) (members, error) {
	key, err := do[wire.TicketKey](ctx, c.request, "ticketKeys.create", &wire.Empty{})
	if err != nil {
		return nil, err
	}
	return members{"KeyID": key.ID, "PrivateKey": key.PrivateKey}, nil
}

// presets are the vendor's names of permissions, which rules here have too.
var presets = []string{"READONLY", "PRIVATE", "ADMINWRITE", "ADMINONLY"}

// ruleTag splits rules as they are set into what the vendor shows: the name of a preset, or CUSTOM with the rules.
func ruleTag(text string) members {
	if name := strings.ToUpper(text); slices.Contains(presets, name) {
		return members{"AclTag": name, "Rule": ""}
	}
	return members{"AclTag": "CUSTOM", "Rule": text}
}

// ruleText is the reverse.
func (c *controlCall) ruleText() (string, error) {
	tag := c.params.text("AclTag")
	switch {
	case slices.Contains(presets, tag):
		return tag, nil
	case tag != "CUSTOM":
		return "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "AclTag: %q is none of %s and CUSTOM", clip(tag), strings.Join(presets, ", "))
	}
	rule := c.params.text("Rule")
	if !json.Valid([]byte(rule)) {
		return "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "Rule: the rules must be the text of a JSON object")
	}
	return rule, nil
}

func describeStorageRule(ctx context.Context, c *controlCall) (members, error) {
	response, err := do[wire.RulesResponse](ctx, c.request, "files.rules", &wire.Empty{})
	if err != nil {
		return nil, err
	}
	return ruleTag(response.Rules), nil
}

func modifyStorageRule(ctx context.Context, c *controlCall) (members, error) {
	text, err := c.ruleText()
	if err != nil {
		return nil, err
	}
	_, err = do[wire.Empty](ctx, c.request, "files.setRules", &wire.AppRulesRequest{Rules: text})
	return members{}, err
}
