package wire

import "time"

// Variable is an environment variable of functions. The value of a secret is never in a reply.
type Variable struct {
	Function  string    `json:"function,omitempty"` // absent: every function of the app
	Name      string    `json:"name"`
	Value     string    `json:"value,omitempty"`
	Secret    bool      `json:"secret"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// VariablesResponse lists variables and secrets by function and name.
type VariablesResponse struct {
	Variables []Variable `json:"variables"`
}

// SetVariableRequest sets a variable or a secret, of one function or of all.
type SetVariableRequest struct {
	Function string `json:"function,omitempty"`
	Name     string `json:"name"`
	Value    string `json:"value"`
	Secret   bool   `json:"secret,omitempty"`
}

// DeleteVariableRequest names a variable or a secret.
type DeleteVariableRequest struct {
	Function string `json:"function,omitempty"`
	Name     string `json:"name"`
}
