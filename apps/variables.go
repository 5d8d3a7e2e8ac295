package apps

import (
	"context"
	"regexp"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// VariablesCollection is where variables are kept, by APP/FUNCTION/NAME.
const VariablesCollection = "variables"

const (
	maxVariables     = 200 // of one app
	maxVariableBytes = 64 << 10
)

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	functionName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$`)
)

// Variable is a variable that functions find in their environment.
type Variable struct {
	Function  string // empty: every function of the app
	Name      string
	Value     string // not told of secrets
	Secret    bool   // nobody but the functions reads it
	UpdatedAt time.Time
}

// variable is a variable as it is stored, encrypted whether or not it is a secret.
type variable struct {
	ID        string    `bson:"_id"`
	App       string    `bson:"app"`
	Function  string    `bson:"function"`
	Name      string    `bson:"name"`
	Sealed    []byte    `bson:"sealed"`
	Secret    bool      `bson:"secret"`
	UpdatedAt time.Time `bson:"updatedAt"`
}

func variableID(app yunduo.AppID, function, name string) string {
	return string(app) + "/" + function + "/" + name
}

func (v variable) place() string { return "variables/" + v.ID }

// SetVariable sets a variable. Who manages the app may. A secret stays one. Errors: permission_denied, app_not_found,
// invalid_request, quota_exceeded.
func (r *Registry) SetVariable(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, v Variable) error {
	if err := manages(caller, app); err != nil {
		return err
	}
	if _, err := r.load(ctx, app); err != nil {
		return err
	}
	switch {
	case !variableName.MatchString(v.Name):
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "name: a variable's name has up to 128 letters, digits and '_' and begins with no digit")
	case v.Function != "" && !functionName.MatchString(v.Function):
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "function: %q cannot name a function", v.Function)
	case len(v.Value) > maxVariableBytes:
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "value: longer than %d KiB", maxVariableBytes>>10)
	}
	rec := variable{
		ID: variableID(app, v.Function, v.Name), App: string(app), Function: v.Function, Name: v.Name, Secret: v.Secret,
		UpdatedAt: r.now().UTC().Truncate(time.Millisecond),
	}
	old, err := r.vars.Get(ctx, rec.ID)
	switch yunduo.ReasonOf(err) {
	case "":
		rec.Secret = rec.Secret || old.Secret
	case yunduo.ReasonDocumentNotFound:
		n, err := r.vars.Count(ctx, bson.D{{Key: "app", Value: string(app)}})
		if err != nil {
			return err
		}
		if n >= maxVariables {
			return yunduo.Errorf(yunduo.ReasonQuotaExceeded, "the app has %d variables and secrets already", n)
		}
	default:
		return err
	}
	if rec.Sealed, err = r.vault.Seal(v.Value, rec.place()); err != nil {
		return err
	}
	return r.vars.Put(ctx, rec.ID, rec)
}

// DeleteVariable removes a variable; document_not_found if there is none. Who manages the app may.
func (r *Registry) DeleteVariable(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, function, name string) error {
	if err := manages(caller, app); err != nil {
		return err
	}
	found, err := r.vars.Delete(ctx, variableID(app, function, name))
	if err == nil && !found {
		err = yunduo.Errorf(yunduo.ReasonDocumentNotFound, "there is no variable or secret %q", name)
	}
	return err
}

// Variables lists an app's variables by function and name, secrets without their values. Who manages the app may.
func (r *Registry) Variables(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) ([]Variable, error) {
	if err := manages(caller, app); err != nil {
		return nil, err
	}
	stored, err := r.vars.Find(ctx, bson.D{{Key: "app", Value: string(app)}}, documents.FindOptions{Sort: bson.D{{Key: "_id", Value: 1}}})
	if err != nil {
		return nil, err
	}
	list := make([]Variable, len(stored))
	for i, v := range stored {
		list[i] = Variable{Function: v.Function, Name: v.Name, Secret: v.Secret, UpdatedAt: v.UpdatedAt}
		if v.Secret {
			continue
		}
		if list[i].Value, err = r.vault.Open(v.Sealed, v.place()); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Environment returns the variables of a function, its own before those of the app, and which of them are secrets: for
// the platform itself.
func (r *Registry) Environment(ctx context.Context, app yunduo.AppID, function string) (values map[string]string, secret map[string]bool, err error) {
	filter := bson.D{{Key: "app", Value: string(app)}, {Key: "function", Value: bson.D{{Key: "$in", Value: bson.A{"", function}}}}}
	stored, err := r.vars.Find(ctx, filter, documents.FindOptions{Sort: bson.D{{Key: "function", Value: 1}}})
	if err != nil {
		return nil, nil, err
	}
	values, secret = map[string]string{}, map[string]bool{}
	for _, v := range stored {
		if values[v.Name], err = r.vault.Open(v.Sealed, v.place()); err != nil {
			return nil, nil, err
		}
		secret[v.Name] = v.Secret
	}
	return values, secret, nil
}
