// Package apps is the register of tenants: which apps there are, how they are set, and the keys that act for them.
package apps

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
)

// How many records the register keeps in memory.
const (
	cachedApps = 10_000
	cachedKeys = 50_000
)

// Options configure a Registry.
type Options struct {
	Key   []byte // 32 bytes: seals the keys of apps
	Vault *Vault // encrypts other secrets; made of the key if nil
	Now   func() time.Time
	// TrashAge is how long a deleted app can be brought back; 0 drops its data at once.
	TrashAge time.Duration
	// ChangeLog is what the server keeps for apps without settings of their own: only an operator lets an app have more.
	ChangeLog ChangeLog
}

// record is an app as it is stored.
type record struct {
	ID           string           `bson:"_id"`
	Name         string           `bson:"name"`
	WeChatAppID  string           `bson:"wechatAppId"`
	WeChatSecret []byte           `bson:"wechatSecret"` // sealed
	Origins      []string         `bson:"origins"`
	Functions    FunctionDefaults `bson:"functions"`
	Destinations []string         `bson:"destinations,omitempty"`
	CreatedAt    time.Time        `bson:"createdAt"`
	UpdatedAt    time.Time        `bson:"updatedAt"`
	ChangeLog    ChangeLog        `bson:"changeLog"`
	LogDays      int              `bson:"logDays,omitempty"`
	Deleting     bool             `bson:"deleting"`            // it was deleted: nobody finds it
	DeletedAt    time.Time        `bson:"deletedAt,omitempty"` // until its data is dropped it can be brought back
	Purging      bool             `bson:"purging,omitempty"`   // its data is being dropped
}

// Registry is the register. It is safe for concurrent use.
type Registry struct {
	db     *documents.DB
	apps   *documents.Records[record]
	keys   *documents.Records[key]
	sealer *documents.Sealer
	vault  *Vault
	vars   *documents.Records[variable]
	now    func() time.Time
	trash  time.Duration
	log    ChangeLog
	// retains says that the document engine keeps as much of the change log as an app wants.
	retains bool

	onlyOne atomic.Pointer[string] // why there may be no second app

	mu       sync.Mutex
	onDelete []func(context.Context, yunduo.AppID) error
}

// New returns the register kept in db; invalid_config if the key is none of 32 bytes.
func New(db *documents.DB, o Options) (*Registry, error) {
	sealer, err := documents.NewSealer(o.Key)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Vault == nil {
		if o.Vault, err = NewVaultFromSeed(o.Key); err != nil {
			return nil, err
		}
	}
	r := &Registry{
		db:     db,
		trash:  o.TrashAge,
		log:    o.ChangeLog,
		apps:   documents.NewRecords[record](db, "apps", documents.RecordOptions{Cache: cachedApps}),
		sealer: sealer,
		vault:  o.Vault,
		vars: documents.NewRecords[variable](db, VariablesCollection, documents.RecordOptions{
			Indexes: []driver.Index{{Fields: []driver.IndexField{{Path: "app"}}}},
		}),
		now: o.Now,
		keys: documents.NewRecords[key](db, "keys", documents.RecordOptions{
			Cache:   cachedKeys,
			Indexes: []driver.Index{{Fields: []driver.IndexField{{Path: "app"}}}},
		}),
	}
	r.retains = db.Retain(r.retention)
	return r, nil
}

// OnDelete adds what another room does when an app is deleted: it drops what it keeps of the app, and may be called
// again for the same app.
func (r *Registry) OnDelete(drop func(context.Context, yunduo.AppID) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.onDelete = append(r.onDelete, drop)
}

// Destinations returns where the functions of an app may connect to; none is everywhere. Reasons: app_not_found.
func (r *Registry) Destinations(ctx context.Context, id yunduo.AppID) ([]string, error) {
	rec, err := r.load(ctx, id)
	return rec.Destinations, err
}

// LogAge returns how long records of function invocations are kept of an app; 0 is the platform's default. Reasons:
// app_not_found.
func (r *Registry) LogAge(ctx context.Context, id yunduo.AppID) (time.Duration, error) {
	rec, err := r.load(ctx, id)
	return time.Duration(rec.LogDays) * 24 * time.Hour, err
}

// OnlyOne lets no second app be created from now on; why is what who tries is told.
func (r *Registry) OnlyOne(why string) { r.onlyOne.Store(&why) }

// Create registers an app. Operators and the platform may. Reasons: permission_denied (also where there may be only
// one), invalid_app_id, app_exists,
// invalid_request.
func (r *Registry) Create(ctx context.Context, caller yunduo.Caller, app App) (App, error) {
	if !caller.Operator() && caller.Role != yunduo.RoleSystem {
		return App{}, yunduo.Errorf(yunduo.ReasonPermissionDenied, "only an operator creates apps")
	}
	if err := app.ID.Validate(); err != nil {
		return App{}, err
	}
	if app.Name == "" {
		app.Name = string(app.ID)
	}
	if err := r.another(ctx); err != nil {
		return App{}, err
	}
	now := r.now().UTC().Truncate(time.Millisecond)
	rec := record{ID: string(app.ID), CreatedAt: now, UpdatedAt: now}
	err := r.apply(&rec, Change{Name: &app.Name, WeChatAppID: &app.WeChat.AppID, WeChatSecret: &app.WeChat.Secret, AllowedOrigins: &app.AllowedOrigins, Functions: &app.Functions, Destinations: &app.Destinations, ChangeLog: &app.ChangeLog, LogDays: &app.LogDays})
	if err == nil {
		err = r.vacate(ctx, app.ID)
	}
	if err != nil {
		return App{}, err
	}
	if err := r.apps.Insert(ctx, rec.ID, rec); err != nil {
		if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey {
			return App{}, yunduo.Errorf(yunduo.ReasonAppExists, "the app %q exists already", rec.ID)
		}
		return App{}, err
	}
	return r.open(rec)
}

// another returns permission_denied if there may be no other app beside those that there are.
func (r *Registry) another(ctx context.Context) error {
	why := r.onlyOne.Load()
	if why == nil {
		return nil
	}
	others, err := r.List(ctx, yunduo.System(""))
	if err == nil && len(others) > 0 {
		err = yunduo.Errorf(yunduo.ReasonPermissionDenied, "there can be only one app: %s", *why)
	}
	return err
}

// Get returns an app with its secrets, for the platform itself; app_not_found if there is none.
func (r *Registry) Get(ctx context.Context, id yunduo.AppID) (App, error) {
	rec, err := r.load(ctx, id)
	if err != nil {
		return App{}, err
	}
	return r.open(rec)
}

// Exists returns app_not_found if there is no such app.
func (r *Registry) Exists(ctx context.Context, id yunduo.AppID) error {
	_, err := r.load(ctx, id)
	return err
}

func (r *Registry) load(ctx context.Context, id yunduo.AppID) (record, error) {
	if id.Validate() != nil {
		return record{}, notFound(id)
	}
	rec, err := r.apps.Get(ctx, string(id))
	if yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound || err == nil && rec.Deleting {
		return record{}, notFound(id)
	}
	return rec, err
}

func notFound(id yunduo.AppID) error {
	return yunduo.Errorf(yunduo.ReasonAppNotFound, "there is no app %q", string(id))
}

// OriginListed reports whether any app lets pages of an origin read replies.
func (r *Registry) OriginListed(ctx context.Context, origin string) (bool, error) {
	found, err := r.apps.Find(ctx, bson.D{{Key: "origins", Value: origin}, {Key: "deleting", Value: false}}, documents.FindOptions{Limit: 1})
	return len(found) > 0, err
}

// List returns the apps that the caller manages, by ID, without secrets.
func (r *Registry) List(ctx context.Context, caller yunduo.Caller) ([]App, error) {
	filter := bson.D{{Key: "deleting", Value: false}}
	switch {
	case caller.Operator() || caller.Role == yunduo.RoleSystem:
	case caller.Role == yunduo.RoleOwner:
		filter = append(filter, bson.E{Key: "_id", Value: string(caller.App)})
	default:
		return nil, yunduo.Errorf(yunduo.ReasonPermissionDenied, "only operators and app owners list apps")
	}
	records, err := r.apps.Find(ctx, filter, documents.FindOptions{})
	if err != nil {
		return nil, err
	}
	list := make([]App, len(records))
	for i, rec := range records {
		list[i] = public(rec)
	}
	return list, nil
}

// Update changes an app's settings, at once for everybody. Who manages the app may. Reasons: permission_denied,
// app_not_found, invalid_request.
func (r *Registry) Update(ctx context.Context, caller yunduo.Caller, id yunduo.AppID, change Change) (App, error) {
	if err := manages(caller, id); err != nil {
		return App{}, err
	}
	rec, err := r.load(ctx, id)
	if err != nil {
		return App{}, err
	}
	before := rec.ChangeLog
	if err := r.apply(&rec, change); err != nil {
		return App{}, err
	}
	if rec.ChangeLog != before && !caller.Operator() && caller.Role != yunduo.RoleSystem && rec.ChangeLog.beyond(r.log) {
		return App{}, yunduo.Errorf(yunduo.ReasonPermissionDenied, "changeLog: only an operator lets an app keep more than %s and %d bytes", r.log.Age, r.log.Bytes)
	}
	rec.UpdatedAt = r.now().UTC().Truncate(time.Millisecond)
	set := bson.D{{Key: "updatedAt", Value: rec.UpdatedAt}} // only what is asked for: others may change the rest meanwhile
	for _, field := range []struct {
		asked bool
		name  string
		value any
	}{
		{change.Name != nil, "name", rec.Name},
		{change.WeChatAppID != nil, "wechatAppId", rec.WeChatAppID},
		{change.WeChatSecret != nil, "wechatSecret", rec.WeChatSecret},
		{change.AllowedOrigins != nil, "origins", rec.Origins},
		{change.Functions != nil, "functions", rec.Functions},
		{change.Destinations != nil, "destinations", rec.Destinations},
		{change.ChangeLog != nil, "changeLog", rec.ChangeLog},
		{change.LogDays != nil, "logDays", rec.LogDays},
	} {
		if field.asked {
			set = append(set, bson.E{Key: field.name, Value: field.value})
		}
	}
	here := bson.D{{Key: "_id", Value: rec.ID}, {Key: "deleting", Value: false}}
	rec, found, err := r.apps.Take(ctx, here, nil, bson.D{{Key: "$set", Value: set}})
	if err != nil {
		return App{}, err
	}
	if !found {
		return App{}, notFound(id)
	}
	return r.open(rec)
}

// WeChatApp returns the app's WeChat app ID and secret, empty if it has none; app_not_found if there is no such app.
func (r *Registry) WeChatApp(ctx context.Context, id yunduo.AppID) (appID, secret string, err error) {
	app, err := r.Get(ctx, id)
	return app.WeChat.AppID, app.WeChat.Secret, err
}

func manages(caller yunduo.Caller, id yunduo.AppID) error {
	if !caller.MayManage(id) {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "this caller does not manage the app %q", string(id))
	}
	return nil
}

func public(rec record) App {
	origins := rec.Origins
	if origins == nil {
		origins = []string{}
	}
	return App{
		ID:             yunduo.AppID(rec.ID),
		Name:           rec.Name,
		WeChat:         WeChat{AppID: rec.WeChatAppID, HasSecret: len(rec.WeChatSecret) > 0},
		AllowedOrigins: origins,
		Functions:      rec.Functions,
		Destinations:   rec.Destinations,
		ChangeLog:      rec.ChangeLog,
		LogDays:        rec.LogDays,
		CreatedAt:      rec.CreatedAt,
		UpdatedAt:      rec.UpdatedAt,
	}
}

func secretPlace(app string) string { return "apps/" + app + "/wechat" }

// open returns the app with its secret.
func (r *Registry) open(rec record) (App, error) {
	app := public(rec)
	var err error
	if !encrypted(rec.WeChatSecret) { // none, or one that was set before there was a vault
		app.WeChat.Secret, err = r.sealer.Open(rec.WeChatSecret, secretPlace(rec.ID))
		return app, err
	}
	app.WeChat.Secret, err = r.vault.Open(rec.WeChatSecret, secretPlace(rec.ID))
	return app, err
}
