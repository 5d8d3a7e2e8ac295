package auth

import (
	"context"
	"crypto/subtle"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

const (
	setupTokenPrefix = "yds_setup_"
	devTokenPrefix   = "ydd_"
	devOperator      = "dev" // the user ID of who came by the dev link
)

var one = documents.FindOptions{Limit: 1}

// operator is a person who runs the server, as stored.
type operator struct {
	ID        string    `bson:"_id"`
	Name      string    `bson:"name"` // by which names are told apart
	Username  string    `bson:"username"`
	Password  string    `bson:"password"` // hash
	CreatedAt time.Time `bson:"createdAt"`
}

// setup is the token that lets the first operator in.
type setup struct {
	Digest    []byte    `bson:"digest"`
	CreatedAt time.Time `bson:"createdAt"`
}

const setupID = "token"

// OperatorCredential is what an operator signs in with: username and password, or the token of a dev link.
type OperatorCredential struct {
	Token    string
	Username string
	Password string
}

// SetupToken returns a new one-time token that makes the first operator, and forgets the one before; empty if there is
// an operator already.
func (s *Service) SetupToken(ctx context.Context) (string, error) {
	n, err := s.operators.Count(ctx, nil)
	if err != nil || n > 0 {
		return "", err
	}
	token := setupTokenPrefix + yunduo.NewSecret()
	return token, s.setup.Put(ctx, setupID, setup{Digest: digest(token), CreatedAt: s.now().UTC().Truncate(time.Millisecond)})
}

// SetUp makes the first operator with the set-up token, which is used up, and signs it in. Reasons: token_invalid,
// rate_limited, user_exists, invalid_request.
func (s *Service) SetUp(ctx context.Context, token, username, password string, client Client) (Tokens, error) {
	succeeded, err := s.throttle.attempt(consoleAudience, "setup/"+client.IP, client.IP)
	if err != nil {
		return Tokens{}, err
	}
	wrong := yunduo.Errorf(yunduo.ReasonTokenInvalid, "the set-up link was used or is not the last one that the server printed")
	kept, err := s.setup.Get(ctx, setupID)
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound || err == nil && subtle.ConstantTimeCompare(kept.Digest, digest(token)) != 1 {
		return Tokens{}, wrong
	}
	if err != nil {
		return Tokens{}, err
	}
	made, err := s.newOperator(ctx, username, password)
	if err != nil {
		return Tokens{}, err
	}
	n, err := s.setup.DeleteMany(ctx, bson.D{{Key: "_id", Value: setupID}, {Key: "digest", Value: kept.Digest}})
	if err != nil {
		return Tokens{}, err
	}
	if n == 0 { // somebody else was faster
		return Tokens{}, wrong
	}
	if err := s.insertOperator(ctx, made); err != nil {
		return Tokens{}, err
	}
	succeeded()
	return s.startOperator(ctx, made, client)
}

// CreateOperator makes a further operator. Operators and the platform may. Reasons: permission_denied, user_exists,
// invalid_request.
func (s *Service) CreateOperator(ctx context.Context, caller yunduo.Caller, username, password string) (User, error) {
	if !caller.Operator() && caller.Role != yunduo.RoleSystem {
		return User{}, yunduo.Errorf(yunduo.ReasonPermissionDenied, "only an operator makes operators")
	}
	made, err := s.newOperator(ctx, username, password)
	if err != nil {
		return User{}, err
	}
	return made.public(), s.insertOperator(ctx, made)
}

func (s *Service) newOperator(ctx context.Context, username, password string) (operator, error) {
	if err := checkUsername(username); err != nil {
		return operator{}, err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return operator{}, err
	}
	return operator{ID: yunduo.NewID(), Name: usernameKey(username), Username: username, Password: hash, CreatedAt: s.now().UTC().Truncate(time.Millisecond)}, nil
}

func (s *Service) insertOperator(ctx context.Context, o operator) error {
	err := s.operators.Insert(ctx, o.ID, o)
	if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey {
		return yunduo.Errorf(yunduo.ReasonUserExists, "username: there is an operator %q already", o.Username)
	}
	return err
}

// DevToken returns the token of the console link that "yunduo dev" prints: good until the server stops. Empty unless
// the service is in dev.
func (s *Service) DevToken() string { return s.devToken }

// OperatorLogin signs an operator in. Reasons: login_failed, rate_limited, invalid_request.
func (s *Service) OperatorLogin(ctx context.Context, c OperatorCredential, client Client) (Tokens, error) {
	if c.Token != "" {
		if s.devToken == "" || subtle.ConstantTimeCompare([]byte(s.devToken), []byte(c.Token)) != 1 {
			return Tokens{}, yunduo.Errorf(yunduo.ReasonLoginFailed, "the link is not one of this run of the server")
		}
		return s.startOperator(ctx, s.devOperator(), client)
	}
	if c.Username == "" || c.Password == "" {
		return Tokens{}, yunduo.Errorf(yunduo.ReasonInvalidRequest, "an operator signs in with username and password")
	}
	name := usernameKey(clip(c.Username, 4*maxUsername))
	succeeded, err := s.throttle.attempt(consoleAudience, "operator/"+name, client.IP)
	if err != nil {
		return Tokens{}, err
	}
	found, err := s.operators.Find(ctx, bson.D{{Key: "name", Value: name}}, one)
	if err != nil {
		return Tokens{}, err
	}
	var who operator
	if len(found) > 0 {
		who = found[0]
	}
	fits, err := s.passwords.check(ctx, who.Password, c.Password)
	if err != nil {
		return Tokens{}, err
	}
	if !fits {
		return Tokens{}, wrongPassword()
	}
	succeeded()
	return s.startOperator(ctx, who, client)
}

func (s *Service) startOperator(ctx context.Context, o operator, client Client) (Tokens, error) {
	live := session{UserID: o.ID, Role: yunduo.RoleOwner, Provider: ProviderOperator, Username: o.Username}
	return s.start(ctx, live, "", client, o.public())
}

// operator returns an operator by user ID; user_not_found.
func (s *Service) operator(ctx context.Context, id string) (User, error) {
	if id == devOperator && s.devToken != "" {
		return s.devOperator().public(), nil
	}
	o, err := s.operators.Get(ctx, id)
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound {
		return User{}, yunduo.Errorf(yunduo.ReasonUserNotFound, "there is no such operator")
	}
	return o.public(), err
}

func (s *Service) devOperator() operator { return operator{ID: devOperator, Username: devOperator} }

func (o operator) public() User {
	return User{ID: o.ID, Username: o.Username, Provider: ProviderOperator, CreatedAt: o.CreatedAt}
}
