package cloudbase

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"yunduo"
	"yunduo/wire"
)

// functionParams are the members of the calls that deploy functions.
type functionParams struct {
	FunctionName string
	Handler      string
	Runtime      string
	Type         string
	Timeout      float64
	Environment  struct {
		Variables []struct{ Key, Value string }
	}
	Code struct {
		ZipFile           string // base64
		TempCosObjectName string // of an archive that was uploaded before
		ImageConfig       json.RawMessage
	}
	// UpdateFunctionCode of older tools has these beside Code.
	ZipFile           string
	TempCosObjectName string
}

// check refuses what does not run here.
func (p *functionParams) check() error {
	switch {
	case p.FunctionName == "":
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "FunctionName: the name is missing")
	case p.Runtime != "" && !strings.HasPrefix(strings.ToLower(p.Runtime), "nodejs"):
		return yunduo.Errorf(yunduo.ReasonUnsupportedCall, "Runtime: %q does not run here; functions are written for Node.js", clip(p.Runtime))
	case p.Type != "" && !strings.EqualFold(p.Type, "Event"):
		return yunduo.Errorf(yunduo.ReasonUnsupportedCall, "Type: functions of the type %q cannot be deployed this way", clip(p.Type))
	case len(p.Code.ImageConfig) > 0:
		return yunduo.Errorf(yunduo.ReasonUnsupportedCall, "Code: images do not run here; deploy the function's folder")
	}
	return nil
}

func (p *functionParams) variables() map[string]string {
	env := map[string]string{}
	for _, v := range p.Environment.Variables {
		env[v.Key] = v.Value
	}
	return env
}

func (c *controlCall) functionParams() (*functionParams, error) {
	var p functionParams
	if err := c.into(&p); err != nil {
		return nil, err
	}
	return &p, p.check()
}

func createFunction(ctx context.Context, c *controlCall) (members, error) {
	p, err := c.functionParams()
	if err != nil {
		return nil, err
	}
	_, err = do[wire.Function](ctx, c.request, "functions.get", &wire.FunctionRequest{Name: p.FunctionName})
	if err == nil { // the tools ask before they overwrite
		return nil, coded{"ResourceInUse.FunctionName", yunduo.Errorf(yunduo.ReasonInvalidRequest, "FunctionName: there is a function %q already", clip(p.FunctionName))}
	}
	if yunduo.ReasonOf(err) != yunduo.ReasonFunctionNotFound {
		return nil, err
	}
	files, err := c.folder(ctx, p)
	if err != nil {
		return nil, err
	}
	_, err = do[wire.Function](ctx, c.request, "functions.deploy", &wire.DeployRequest{
		Name: p.FunctionName, Files: files, Settings: wire.FunctionSettings{TimeoutSeconds: p.Timeout, Handler: p.Handler, Env: p.variables()},
	})
	return members{}, err
}

func updateFunctionCode(ctx context.Context, c *controlCall) (members, error) {
	p, err := c.functionParams()
	if err != nil {
		return nil, err
	}
	files, err := c.folder(ctx, p)
	if err != nil {
		return nil, err
	}
	request := &wire.UpdateFunctionRequest{Name: p.FunctionName, Files: files}
	if p.Handler != "" {
		request.Handler = &p.Handler
	}
	_, err = do[wire.Function](ctx, c.request, "functions.update", request)
	return members{}, err
}

func updateFunctionConfiguration(ctx context.Context, c *controlCall) (members, error) {
	p, err := c.functionParams()
	if err != nil {
		return nil, err
	}
	request := &wire.UpdateFunctionRequest{Name: p.FunctionName}
	if p.Timeout != 0 {
		request.TimeoutSeconds = &p.Timeout
	}
	if p.Handler != "" {
		request.Handler = &p.Handler
	}
	if len(c.params.get("Environment")) > 0 {
		request.Env = p.variables()
	}
	_, err = do[wire.Function](ctx, c.request, "functions.update", request)
	return members{}, err
}

func deleteFunction(ctx context.Context, c *controlCall) (members, error) {
	_, err := do[wire.Empty](ctx, c.request, "functions.delete", &wire.FunctionRequest{Name: c.params.text("FunctionName")})
	return members{}, err
}

// describeFunction is how a function shows in lists. MemorySize is only said because the tools print it.
func (c *controlCall) describeFunction(f *wire.Function) members {
	status := "Active"
	if f.Error != nil {
		status = "CreateFailed"
	}
	return members{
		"FunctionId": f.Name, "FunctionName": f.Name, "Namespace": string(c.call.App), "Runtime": "Nodejs", "Status": status, "StatusDesc": "",
		"AddTime": c.time(f.UpdatedAt), "ModTime": c.time(f.UpdatedAt), "Type": "Event", "Description": "",
	}
}

func listFunctions(ctx context.Context, c *controlCall) (members, error) {
	var p struct {
		Limit, Offset int
		SearchKey     string
	}
	if err := c.into(&p); err != nil {
		return nil, err
	}
	response, err := do[wire.FunctionsResponse](ctx, c.request, "functions.list", &wire.Empty{})
	if err != nil {
		return nil, err
	}
	all := []any{}
	for i := range response.Functions {
		if strings.Contains(response.Functions[i].Name, p.SearchKey) {
			all = append(all, c.describeFunction(&response.Functions[i]))
		}
	}
	return members{"Functions": page(all, p.Offset, p.Limit, 20), "TotalCount": len(all)}, nil
}

// page returns a part of a list.
func page(all []any, offset, limit, standard int) []any {
	if limit <= 0 {
		limit = standard
	}
	offset = min(max(offset, 0), len(all))
	return all[offset:min(offset+limit, len(all))]
}

func getFunction(ctx context.Context, c *controlCall) (members, error) {
	name := c.params.text("FunctionName")
	f, err := do[wire.Function](ctx, c.request, "functions.get", &wire.FunctionRequest{Name: name})
	if err != nil {
		return nil, err
	}
	found, err := c.triggers(ctx, name)
	if err != nil {
		return nil, err
	}
	variables := []any{}
	for _, key := range sortedKeys(f.Settings.Env) {
		variables = append(variables, map[string]string{"Key": key, "Value": f.Settings.Env[key]})
	}
	handler := f.Settings.Handler
	if handler == "" {
		handler = "index.main"
	}
	m := c.describeFunction(f)
	for key, value := range (members{
		"Handler": handler, "Timeout": f.TimeoutSeconds, "MemorySize": 256, "CodeSize": f.SizeBytes, "CodeInfo": "", "InstallDependency": "TRUE",
		"FunctionVersion": strconv.FormatInt(f.Version, 10), "Environment": map[string]any{"Variables": variables},
		"VpcConfig": map[string]string{"VpcId": "", "SubnetId": ""}, "Triggers": found, "Layers": []any{}, "StatusReasons": []any{},
	}) {
		m[key] = value
	}
	if f.Error != nil {
		m["StatusReasons"] = []any{map[string]string{"ErrorCode": f.Error.Reason, "ErrorMessage": f.Error.Message}}
	}
	if c.params.text("ShowCode") == "TRUE" {
		if m["CodeInfo"], err = c.entryText(ctx, name, handler); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// entryText is the text of the file that the handler names, empty if it is not as plain as that.
func (c *controlCall) entryText(ctx context.Context, name, handler string) (string, error) {
	source, err := do[wire.SourceResponse](ctx, c.request, "functions.source", &wire.FunctionRequest{Name: name})
	if err != nil {
		return "", err
	}
	file, _, _ := strings.Cut(handler, ".")
	for _, f := range source.Files {
		if f.Path == file+".js" {
			return f.Text, nil
		}
	}
	return "", nil
}

func listVersions(ctx context.Context, c *controlCall) (members, error) {
	response, err := do[wire.FunctionVersionsResponse](ctx, c.request, "functions.versions", &wire.FunctionRequest{Name: c.params.text("FunctionName")})
	if err != nil {
		return nil, err
	}
	var p struct{ Offset, Limit int }
	if err := c.into(&p); err != nil {
		return nil, err
	}
	list, total := []any{}, len(response.Versions)
	from := min(max(p.Offset, 0), total)
	to := total
	if p.Limit > 0 {
		to = min(from+p.Limit, total)
	}
	for _, v := range response.Versions[from:to] {
		list = append(list, map[string]any{
			"Version": strconv.FormatInt(v.Number, 10), "Description": "", "AddTime": c.time(v.CreatedAt), "ModTime": c.time(v.CreatedAt), "Status": "Active",
		})
	}
	return members{"Versions": list, "FunctionVersion": []any{}, "TotalCount": total}, nil
}

// describeRoutes lists the HTTP paths of a function, which are not kept by function here.
func describeRoutes(context.Context, *controlCall) (members, error) {
	return members{"APISet": []any{}, "EnableService": false, "Total": 0, "Limit": 100, "Offset": 0}, nil
}

// triggerParams is a trigger as the tools send it.
type triggerParams struct {
	TriggerName string
	Type        string
	TriggerDesc string // the cron line, or {"cron": line}
}

func (t triggerParams) spec() wire.TriggerSpec {
	schedule := t.TriggerDesc
	var wrapped struct {
		Cron string `json:"cron"`
	}
	if json.Unmarshal([]byte(schedule), &wrapped) == nil && wrapped.Cron != "" {
		schedule = wrapped.Cron
	}
	return wire.TriggerSpec{Name: t.TriggerName, Type: t.Type, Config: schedule}
}

func createTriggers(ctx context.Context, c *controlCall) (members, error) {
	var p struct{ FunctionName, Triggers string }
	if err := c.into(&p); err != nil {
		return nil, err
	}
	var list []triggerParams
	if err := json.Unmarshal([]byte(p.Triggers), &list); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "Triggers: it must be the text of a JSON list")
	}
	return c.addTriggers(ctx, p.FunctionName, list)
}

func createTrigger(ctx context.Context, c *controlCall) (members, error) {
	var p struct {
		FunctionName string
		triggerParams
	}
	if err := c.into(&p); err != nil {
		return nil, err
	}
	return c.addTriggers(ctx, p.FunctionName, []triggerParams{p.triggerParams})
}

func (c *controlCall) addTriggers(ctx context.Context, function string, list []triggerParams) (members, error) {
	request := &wire.AddTriggersRequest{Function: function}
	for _, t := range list {
		request.Triggers = append(request.Triggers, t.spec())
	}
	if _, err := do[wire.TriggersResponse](ctx, c.request, "triggers.add", request); err != nil {
		return nil, err
	}
	found, err := c.triggers(ctx, function)
	return members{"Triggers": found, "Count": len(found)}, err
}

func deleteTrigger(ctx context.Context, c *controlCall) (members, error) {
	_, err := do[wire.Empty](ctx, c.request, "triggers.remove", &wire.TriggerRequest{Function: c.params.text("FunctionName"), Name: c.params.text("TriggerName")})
	return members{}, err
}

func listTriggers(ctx context.Context, c *controlCall) (members, error) {
	found, err := c.triggers(ctx, c.params.text("FunctionName"))
	return members{"Triggers": found, "TotalCount": len(found)}, err
}

// triggers lists the triggers of a function.
func (c *controlCall) triggers(ctx context.Context, function string) ([]any, error) {
	response, err := do[wire.TriggersResponse](ctx, c.request, "triggers.list", &wire.Empty{})
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, t := range response.Triggers {
		if t.Function == function {
			list = append(list, map[string]any{
				"TriggerName": t.Name, "Type": t.Type, "TriggerDesc": t.Schedule, "Enable": map[bool]int{true: 1}[t.Enabled], "AvailableStatus": "Available",
			})
		}
	}
	return list, nil
}
