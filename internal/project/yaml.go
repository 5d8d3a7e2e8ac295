package project

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"yunduo"
)

// yamlName is the platform's own, optional project file. An example with every key:
//
//	app: notes                        # the app; cloudbaserc's envId or the folder's name by default
//	wechatAppId: wx0123456789abcdef
//	functionRoot: cloudfunctions      # folder with one folder per function
//	hosting: web                      # folder of static files
//	timeout: 20                       # seconds, for every function
//	env: {REGION: north}              # for every function; {{env.NAME}} is filled from .env and the environment
//	functions:
//	  listNotes:
//	    timeout: 5
//	    handler: index.main           # file and export
//	    env: {PAGE: "20"}
//	    concurrency: 10               # requests that one copy of the code may serve at once
//	    unbundled: true               # run from the folder with its node_modules
//	    schema: {type: object, required: [page], properties: {page: {type: integer}}}
//	    http: true                    # main is (request, response), not (event, context)
//	    officialSdk: true             # use wx-server-sdk from npm
//	    triggers:
//	      - {name: nightly, schedule: "0 0 3 * * * *", timeZone: Asia/Shanghai}
//	rules:                            # by collection: a preset or rules
//	  notes: {read: true, write: "doc._openid == auth.openid"}
//	storageRules: readonly
//	functionRules: {"*": {invoke: "auth != null"}, refund: {invoke: false}}
//	routes:                           # HTTP paths under /http/{app}: a function, or more about it
//	  /hello: hello                   # for signed-in users, as in functionRules
//	  /pay/notify: {function: payNotify, auth: public, methods: [POST]}
//	indexes:
//	  notes:
//	    - {fields: [_openid, -createdAt], unique: false}
//	    - {fields: ["place:2dsphere"], partialFilter: {open: true}}
//	    - {fields: [title], collation: {locale: zh}}
const yamlName = "yunduo.yaml"

type yamlConfig struct {
	App          string                  `yaml:"app"`
	WeChatAppID  string                  `yaml:"wechatAppId"`
	FunctionRoot string                  `yaml:"functionRoot"`
	Hosting      string                  `yaml:"hosting"`
	Timeout      float64                 `yaml:"timeout"`
	Env          map[string]string       `yaml:"env"`
	Functions    map[string]yamlFunction `yaml:"functions"`
	Rules        map[string]any          `yaml:"rules"`
	StorageRules any                     `yaml:"storageRules"`
	FuncRules    any                     `yaml:"functionRules"`
	Routes       map[string]any          `yaml:"routes"`
	Indexes      map[string][]yamlIndex  `yaml:"indexes"`
}

type yamlFunction struct {
	Timeout     float64           `yaml:"timeout"`
	Handler     string            `yaml:"handler"`
	Env         map[string]string `yaml:"env"`
	Concurrency int               `yaml:"concurrency"`
	Unbundled   bool              `yaml:"unbundled"`
	OfficialSDK bool              `yaml:"officialSdk"`
	HTTP        bool              `yaml:"http"`
	Schema      map[string]any    `yaml:"schema"`
	Description string            `yaml:"description"`
	Triggers    []yamlTrigger     `yaml:"triggers"`
}

type yamlTrigger struct {
	Name     string `yaml:"name"`
	Schedule string `yaml:"schedule"`
	TimeZone string `yaml:"timeZone"`
}

type yamlIndex struct {
	Name               string   `yaml:"name"`
	Fields             []string `yaml:"fields"`
	Unique             bool     `yaml:"unique"`
	Sparse             bool     `yaml:"sparse"`
	ExpireAfterSeconds int64    `yaml:"expireAfterSeconds"`
	// PartialFilter is a filter in EJSON: only documents that match are in the index.
	PartialFilter map[string]any `yaml:"partialFilter"`
	// Collation is the order of texts in the index, such as {locale: zh}.
	Collation map[string]any `yaml:"collation"`
}

func (l *loader) readYAML() error {
	data, err := readFile(l.note(yamlName), yamlName)
	if err != nil || data == nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&l.yaml); err != nil && !errors.Is(err, io.EOF) {
		return yamlError(err, yamlName)
	}
	l.fillEnv(l.yaml.Env)
	for _, f := range l.yaml.Functions {
		l.fillEnv(f.Env)
	}
	p := l.project
	p.Rules = make(map[string]string, len(l.yaml.Rules))
	for collection, rules := range l.yaml.Rules {
		if p.Rules[collection], err = rulesText(rules, "rules."+collection); err != nil {
			return err
		}
	}
	if l.yaml.StorageRules != nil {
		if p.StorageRules, err = rulesText(l.yaml.StorageRules, "storageRules"); err != nil {
			return err
		}
	}
	if l.yaml.FuncRules != nil {
		if p.FunctionRules, err = rulesText(l.yaml.FuncRules, "functionRules"); err != nil {
			return err
		}
	}
	if err := l.readRoutes(); err != nil {
		return err
	}
	return l.readIndexes()
}

// readRoutes takes the routes of the file, and of what the CloudBase CLI's has of them.
func (l *loader) readRoutes() error {
	routes := map[string]any{}
	for path, function := range l.cloudbase.servicePaths() {
		routes[path] = map[string]any{"function": function, "auth": "public"}
	}
	for path, route := range l.yaml.Routes {
		if name, ok := route.(string); ok {
			route = map[string]any{"function": name}
		}
		routes[path] = route
	}
	if len(routes) == 0 {
		return nil
	}
	text, err := json.Marshal(routes)
	if err != nil {
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: routes must be names of functions or objects, by path", yamlName)
	}
	l.project.Routes = string(text)
	return nil
}

func (l *loader) fillEnv(env map[string]string) {
	for k, v := range env {
		env[k] = l.fillText(v, yamlName)
	}
}

// rulesText returns rules as they are set: the name of a preset, or JSON.
func rulesText(rules any, key string) (string, error) {
	if text, ok := rules.(string); ok {
		return text, nil
	}
	data, err := json.Marshal(rules)
	if err != nil {
		return "", yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: %s must be a preset or an object of texts", yamlName, key)
	}
	return string(data), nil
}

// IndexKind splits "path:kind"; a colon that no kind follows belongs to the path.
func IndexKind(field string) (path, kind string) {
	for _, kind := range []string{"2dsphere", "hashed"} {
		if path, ok := strings.CutSuffix(field, ":"+kind); ok {
			return path, kind
		}
	}
	return field, ""
}

func (l *loader) readIndexes() error {
	for _, collection := range slices.Sorted(maps.Keys(l.yaml.Indexes)) {
		for i, index := range l.yaml.Indexes[collection] {
			if len(index.Fields) == 0 {
				return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: indexes.%s[%d] names no fields", yamlName, collection, i)
			}
			made := Index{Collection: collection, Name: index.Name, Unique: index.Unique, Sparse: index.Sparse, ExpireAfterSeconds: index.ExpireAfterSeconds}
			for _, field := range index.Fields {
				path, kind := IndexKind(field)
				path, descending := strings.CutPrefix(path, "-")
				if path == "" {
					return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: indexes.%s[%d] has an empty field", yamlName, collection, i)
				}
				made.Fields = append(made.Fields, IndexField{Path: path, Descending: descending, Kind: kind})
			}
			for name, target := range map[string]*string{"partialFilter": &made.PartialFilter, "collation": &made.Collation} {
				object := index.PartialFilter
				if name == "collation" {
					object = index.Collation
				}
				if object == nil {
					continue
				}
				text, err := json.Marshal(object)
				if err != nil {
					return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: indexes.%s[%d].%s must be an object", yamlName, collection, i, name)
				}
				*target = string(text)
			}
			l.project.Indexes = append(l.project.Indexes, made)
		}
	}
	return nil
}

var (
	yamlLine    = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s*)?line (\d+): (?s:(.*))$`)
	yamlUnknown = regexp.MustCompile(`^field (\S+) not found in type \S+$`)
	yamlWrong   = regexp.MustCompile("^cannot unmarshal !!(\\w+) (?:`(.*)` )?into (.*)$")
	goTypes     = strings.NewReplacer("map[string]string", "names and texts", "map[string]interface {}", "names and values", "float64", "a number", "int64", "a whole number", "int", "a whole number", "bool", "true or false", "string", "a text")
	yamlKinds   = strings.NewReplacer("str", "text", "seq", "list", "map", "object", "int", "number", "float", "number", "bool", "true or false")
)

// yamlError says where a YAML file is wrong, in words of the file rather than of the program that reads it.
func yamlError(err error, name string) error {
	text := err.Error()
	var typed *yaml.TypeError
	if errors.As(err, &typed) && len(typed.Errors) > 0 {
		text = typed.Errors[0]
	}
	m := yamlLine.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s: %s", name, strings.TrimPrefix(text, "yaml: "))
	}
	what := m[2]
	if u := yamlUnknown.FindStringSubmatch(what); u != nil {
		what = "unknown key " + strings.Trim(u[1], `"`)
	} else if w := yamlWrong.FindStringSubmatch(what); w != nil {
		expected := goTypes.Replace(w[3])
		if strings.Contains(expected, "project.") || strings.Contains(expected, "[]") {
			expected = "something else"
		}
		what = "a " + yamlKinds.Replace(w[1])
		if w[2] != "" {
			what += " (" + w[2] + ")"
		}
		what += " stands where " + expected + " is expected"
	}
	return yunduo.Errorf(yunduo.ReasonInvalidConfig, "%s:%s: %s", name, m[1], what)
}
