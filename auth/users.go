package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// User is an end user of an app, or an operator.
type User struct {
	ID          string    `json:"id"`
	OpenID      string    `json:"openId,omitempty"`
	UnionID     string    `json:"unionId,omitempty"`
	Username    string    `json:"username,omitempty"`
	Provider    string    `json:"provider"`
	Phone       string    `json:"phone,omitempty"`
	Email       string    `json:"email,omitempty"`
	Profile     Profile   `json:"profile"`
	Providers   []string  `json:"providers"` // ways to sign in
	HasPassword bool      `json:"hasPassword"`
	CreatedAt   time.Time `json:"createdAt"`
	LastLoginAt time.Time `json:"lastLoginAt"` // zero if never
	// Subjects are the user's identities by provider, such as a WeChat openid.
	Subjects map[string]string `json:"-"`
}

// NewUser is a password user to be.
type NewUser struct {
	Username string
	Password string
}

// ListUsers says which users to list.
type ListUsers struct {
	After  string // the cursor that the previous page gave
	Limit  int    // 0 is 50; at most 200
	Search string // part of a username, OpenID or ID
}

const (
	defaultUsers = 50
	maxUsers     = 200
	maxUsername  = 64 // characters
)

// user is a user as it is stored. App, provider and subject together are unique.
type user struct {
	ID       string  `bson:"_id"`
	App      string  `bson:"app"`
	Provider string  `bson:"provider"`
	Subject  string  `bson:"subject"`
	OpenID   string  `bson:"openId"`
	UnionID  string  `bson:"unionId"`
	Username string  `bson:"username"`
	Password string  `bson:"password"` // hash, if the user has one
	Phone    string  `bson:"phone,omitempty"`
	Email    string  `bson:"email,omitempty"`
	Profile  Profile `bson:"profile"`
	// Identities are all ways to sign in, as identityKey names them; those of users from before there were more than one
	// stand in Provider and Subject alone.
	Identities  []string  `bson:"identities,omitempty"`
	CreatedAt   time.Time `bson:"createdAt"`
	LastLoginAt time.Time `bson:"lastLoginAt"`
}

func (u user) public() User {
	subjects := map[string]string{}
	for _, provider := range u.providers() {
		subjects[provider] = u.subjectOf(provider)
	}
	return User{
		ID: u.ID, OpenID: u.OpenID, UnionID: u.UnionID, Username: u.Username, Provider: u.Provider, Phone: u.Phone, Email: u.Email,
		Profile: u.Profile, Providers: u.providers(), HasPassword: u.Password != "", CreatedAt: u.CreatedAt, LastLoginAt: u.LastLoginAt, Subjects: subjects,
	}
}

// CreateUser makes a user who signs in with a password. Who manages the app may. Reasons: permission_denied,
// app_not_found, user_exists, invalid_request.
func (s *Service) CreateUser(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, n NewUser) (User, error) {
	if err := s.manages(ctx, caller, app); err != nil {
		return User{}, err
	}
	if err := checkUsername(n.Username); err != nil {
		return User{}, err
	}
	hash, err := s.passwords.hash(ctx, n.Password)
	if err != nil {
		return User{}, err
	}
	made := s.newUser(app, ProviderPassword, usernameKey(n.Username))
	made.Username, made.Password = n.Username, hash
	_, found, err := s.findUser(ctx, app, ProviderPassword, made.Subject)
	if err != nil || found {
		return User{}, nameTaken(n.Username, err)
	}
	if err := s.insertUser(ctx, made); err != nil {
		if yunduo.ReasonOf(err) == yunduo.ReasonIdentityTaken {
			return User{}, yunduo.Errorf(yunduo.ReasonUserExists, "username: there is a user %q already", n.Username)
		}
		return User{}, err
	}
	return made.public(), nil
}

// newUser returns a user whose OpenID is its own ID, until a provider gives another.
func (s *Service) newUser(app yunduo.AppID, provider, subject string) user {
	id := yunduo.NewID()
	u := user{ID: id, App: string(app), Provider: provider, Subject: subject, OpenID: id, CreatedAt: s.now().UTC().Truncate(time.Millisecond)}
	if provider != ProviderAnonymous {
		u.Identities = []string{identityKey(u.App, provider, subject)}
	}
	return u
}

// usernameKey is what usernames are told apart by.
func usernameKey(username string) string { return strings.ToLower(username) }

func checkUsername(username string) error {
	n := utf8.RuneCountInString(username)
	unfit := func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._-@+", c)
	}
	if n < 1 || n > maxUsername || !utf8.ValidString(username) || strings.ContainsFunc(username, unfit) {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "username: 1 to %d letters, digits and . _ - @ + are needed", maxUsername)
	}
	return nil
}

// namedUser is one who can type a name to a password.
var namedUser = bson.A{
	bson.D{{Key: "username", Value: bson.D{{Key: "$gt", Value: ""}}}}, bson.D{{Key: "phone", Value: bson.D{{Key: "$gt", Value: ""}}}}, bson.D{{Key: "email", Value: bson.D{{Key: "$gt", Value: ""}}}},
}

// SetPassword gives a user with a name, number or address a new password and ends the user's sessions. Who manages the app may. Reasons:
// permission_denied, user_not_found, invalid_request.
func (s *Service) SetPassword(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, userID, password string) error {
	if err := s.manages(ctx, caller, app); err != nil {
		return err
	}
	hash, err := s.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	which := bson.D{{Key: "_id", Value: userID}, {Key: "app", Value: string(app)}, {Key: "$or", Value: namedUser}}
	found, err := s.users.UpdateIf(ctx, which, bson.D{{Key: "$set", Value: bson.D{{Key: "password", Value: hash}}}})
	if err != nil {
		return err
	}
	if !found {
		return yunduo.Errorf(yunduo.ReasonUserNotFound, "the app %q has no password user %q", string(app), userID)
	}
	return s.revokeUser(ctx, app, userID)
}

// DeleteUser removes a user and ends the user's sessions at once. Documents that the user created stay. Who manages
// the app may. Reasons: permission_denied, user_not_found.
func (s *Service) DeleteUser(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, userID string) error {
	if err := s.manages(ctx, caller, app); err != nil {
		return err
	}
	n, err := s.users.DeleteMany(ctx, bson.D{{Key: "_id", Value: userID}, {Key: "app", Value: string(app)}})
	if err != nil {
		return err
	}
	if n == 0 {
		return yunduo.Errorf(yunduo.ReasonUserNotFound, "the app %q has no user %q", string(app), userID)
	}
	return s.revokeUser(ctx, app, userID)
}

// Users lists an app's users, the newest first, and gives the cursor of the next page, empty at the end. Who manages
// the app may.
func (s *Service) Users(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, list ListUsers) (page []User, next string, err error) {
	if err := s.manages(ctx, caller, app); err != nil {
		return nil, "", err
	}
	limit := list.Limit
	switch {
	case limit < 0:
		return nil, "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "limit: %d is negative", limit)
	case limit == 0:
		limit = defaultUsers
	}
	limit = min(limit, maxUsers)
	filter := bson.D{{Key: "app", Value: string(app)}}
	if list.Search != "" {
		like := bson.D{{Key: "$regex", Value: regexp.QuoteMeta(clip(list.Search, 200))}, {Key: "$options", Value: "i"}}
		filter = append(filter, bson.E{Key: "$or", Value: bson.A{
			bson.D{{Key: "username", Value: like}}, bson.D{{Key: "openId", Value: like}}, bson.D{{Key: "_id", Value: like}},
		}})
	}
	if list.After != "" {
		after, err := decodePlace(list.After)
		if err != nil {
			return nil, "", err
		}
		filter = bson.D{{Key: "$and", Value: bson.A{filter, after}}}
	}
	sort := bson.D{{Key: "createdAt", Value: -1}, {Key: "_id", Value: 1}}
	found, err := s.users.Find(ctx, filter, documents.FindOptions{Sort: sort, Limit: int64(limit) + 1})
	if err != nil {
		return nil, "", err
	}
	if len(found) > limit {
		found = found[:limit]
		next = encodePlace(found[limit-1])
	}
	page = make([]User, len(found))
	for i, u := range found {
		page[i] = u.public()
	}
	return page, next, nil
}

// place is where a page of users ended.
type place struct {
	Created int64  `json:"c"` // milliseconds since 1970
	ID      string `json:"i"`
}

func encodePlace(u user) string {
	text, _ := json.Marshal(place{u.CreatedAt.UnixMilli(), u.ID})
	return base64.RawURLEncoding.EncodeToString(text)
}

// decodePlace returns the filter for what comes after a place.
func decodePlace(cursor string) (bson.D, error) {
	var p place
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "after: not a cursor of this list")
	}
	created := time.UnixMilli(p.Created)
	return bson.D{{Key: "$or", Value: bson.A{
		bson.D{{Key: "createdAt", Value: bson.D{{Key: "$lt", Value: created}}}},
		bson.D{{Key: "createdAt", Value: created}, {Key: "_id", Value: bson.D{{Key: "$gt", Value: p.ID}}}},
	}}}, nil
}

// Me returns the user that the caller is; user_not_found if it is none.
func (s *Service) Me(ctx context.Context, caller yunduo.Caller) (User, error) {
	if caller.UserID == "" {
		return User{}, yunduo.Errorf(yunduo.ReasonUserNotFound, "no user is signed in")
	}
	return s.userOf(ctx, session{App: string(caller.App), UserID: caller.UserID, Provider: caller.Provider})
}

// userOf returns the user of a session; user_not_found if it was deleted.
func (s *Service) userOf(ctx context.Context, live session) (User, error) {
	if live.Provider == ProviderOperator {
		return s.operator(ctx, live.UserID)
	}
	u, err := s.users.Get(ctx, live.UserID)
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound || err == nil && u.App != live.App {
		return User{}, yunduo.Errorf(yunduo.ReasonUserNotFound, "there is no such user")
	}
	return u.public(), err
}

func (s *Service) manages(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) error {
	if !caller.MayManage(app) {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "only who manages the app %q manages its users", string(app))
	}
	_, _, err := s.apps.WeChatApp(ctx, app) // app_not_found
	return err
}

// User describes a user of an app. Who manages the app may. Reasons: permission_denied, user_not_found.
func (s *Service) User(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, userID string) (User, error) {
	if err := s.manages(ctx, caller, app); err != nil {
		return User{}, err
	}
	return s.userOf(ctx, session{App: string(app), UserID: userID})
}

// FindUser describes the user of an app who has an identity: a phone number, an address, a username, a custom ID or an
// openid. provider is its kind, such as ProviderPhone. Who manages the app may. Reasons: permission_denied,
// user_not_found, invalid_request.
func (s *Service) FindUser(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, provider, subject string) (User, error) {
	if err := s.manages(ctx, caller, app); err != nil {
		return User{}, err
	}
	var err error
	switch provider {
	case ProviderPhone:
		subject, err = normalPhone(subject)
	case ProviderEmail:
		subject, err = normalEmail(subject)
	case ProviderPassword:
		subject = usernameKey(clip(subject, 4*maxUsername))
	case "":
		err = yunduo.Errorf(yunduo.ReasonInvalidRequest, "provider: which kind of identity is it?")
	}
	if err != nil {
		return User{}, err
	}
	u, found, err := s.findUser(ctx, app, provider, subject)
	if err == nil && !found {
		err = yunduo.Errorf(yunduo.ReasonUserNotFound, "there is no such user")
	}
	return u.public(), err
}

// CountUsers returns how many end users an app has. Who manages the app may. Reasons: permission_denied, app_not_found.
func (s *Service) CountUsers(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) (int64, error) {
	if err := s.manages(ctx, caller, app); err != nil {
		return 0, err
	}
	return s.users.Count(ctx, bson.D{{Key: "app", Value: string(app)}})
}
