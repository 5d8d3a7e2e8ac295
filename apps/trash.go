package apps

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
)

// Deleted is an app that was deleted and can still be brought back.
type Deleted struct {
	App
	DeletedAt time.Time
	Until     time.Time // when what it has is dropped for good
}

// Delete takes an app away with everything it has. From this moment on it is not found: no key, token, watch or timer
// of it does anything. For a while it can be brought back by Restore; then, or at once where the server keeps nothing,
// all that it has is dropped. Operators and the platform may. Reasons: permission_denied, app_not_found.
func (r *Registry) Delete(ctx context.Context, caller yunduo.Caller, id yunduo.AppID) error {
	if err := operates(caller, "deletes apps"); err != nil {
		return err
	}
	if id.Validate() != nil {
		return notFound(id)
	}
	gone := bson.D{{Key: "deleting", Value: true}, {Key: "deletedAt", Value: r.now().UTC().Truncate(time.Millisecond)}, {Key: "purging", Value: r.trash <= 0}}
	_, found, err := r.apps.Take(ctx, bson.D{{Key: "_id", Value: string(id)}, {Key: "deleting", Value: false}}, nil, bson.D{{Key: "$set", Value: gone}})
	if err != nil {
		return err
	}
	if !found {
		return notFound(id)
	}
	if r.trash <= 0 {
		return r.drop(ctx, id)
	}
	return r.db.Suspend(ctx, id)
}

// Deleted lists the apps that can be brought back, the last deleted first. Operators and the platform may.
func (r *Registry) Deleted(ctx context.Context, caller yunduo.Caller) ([]Deleted, error) {
	if err := operates(caller, "lists deleted apps"); err != nil {
		return nil, err
	}
	found, err := r.apps.Find(ctx, append(r.restorable(), bson.E{Key: "deleting", Value: true}), documents.FindOptions{Sort: bson.D{{Key: "deletedAt", Value: -1}, {Key: "_id", Value: 1}}})
	list := make([]Deleted, len(found))
	for i, rec := range found {
		list[i] = Deleted{App: public(rec), DeletedAt: rec.DeletedAt, Until: rec.DeletedAt.Add(r.trash)}
	}
	return list, err
}

// restorable selects deleted apps whose time has not come.
func (r *Registry) restorable() bson.D {
	return bson.D{{Key: "purging", Value: bson.D{{Key: "$ne", Value: true}}}, {Key: "deletedAt", Value: bson.D{{Key: "$gt", Value: r.now().Add(-r.trash)}}}}
}

// Restore brings a deleted app back as it was, with its data, users, functions, files, timers and keys. Operators and
// the platform may. Reasons: permission_denied, app_not_found.
func (r *Registry) Restore(ctx context.Context, caller yunduo.Caller, id yunduo.AppID) (App, error) {
	if err := operates(caller, "brings apps back"); err != nil {
		return App{}, err
	}
	if err := r.another(ctx); err != nil {
		return App{}, err
	}
	here := append(r.restorable(), bson.E{Key: "_id", Value: string(id)}, bson.E{Key: "deleting", Value: true})
	back := bson.D{{Key: "$set", Value: bson.D{{Key: "deleting", Value: false}}}, {Key: "$unset", Value: bson.D{{Key: "deletedAt", Value: ""}}}}
	rec, found, err := r.apps.Take(ctx, here, nil, back)
	if err != nil {
		return App{}, err
	}
	if !found {
		return App{}, noDeleted(id)
	}
	return public(rec), nil
}

// Purge drops for good what a deleted app has. If the server stops meanwhile, Sweep finishes the work. Operators and
// the platform may. Reasons: permission_denied, app_not_found unless the app was deleted.
func (r *Registry) Purge(ctx context.Context, caller yunduo.Caller, id yunduo.AppID) error {
	if err := operates(caller, "drops apps for good"); err != nil {
		return err
	}
	return r.purge(ctx, id, bson.D{})
}

func (r *Registry) purge(ctx context.Context, id yunduo.AppID, only bson.D) error {
	here := append(only, bson.E{Key: "_id", Value: string(id)}, bson.E{Key: "deleting", Value: true})
	_, found, err := r.apps.Take(ctx, here, nil, bson.D{{Key: "$set", Value: bson.D{{Key: "purging", Value: true}}}})
	if err != nil {
		return err
	}
	if !found {
		return noDeleted(id)
	}
	return r.drop(ctx, id)
}

// Sweep drops what deleted apps have whose time has come, and finishes what was interrupted. Several nodes may sweep at
// once.
func (r *Registry) Sweep(ctx context.Context) error {
	over := bson.D{{Key: "$nor", Value: bson.A{r.restorable()}}}
	found, err := r.apps.Find(ctx, append(over, bson.E{Key: "deleting", Value: true}), documents.FindOptions{})
	if err != nil {
		return err
	}
	var failed []error
	for _, rec := range found {
		err := r.purge(ctx, yunduo.AppID(rec.ID), slices.Clone(over))
		if yunduo.ReasonOf(err) == yunduo.ReasonAppNotFound { // another node was first, or it was brought back
			err = nil
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// vacate makes place for an app of an ID: app_exists if a deleted one can still be brought back.
func (r *Registry) vacate(ctx context.Context, id yunduo.AppID) error {
	old, err := r.apps.Get(ctx, string(id))
	switch {
	case yunduo.ReasonOf(err) == yunduo.ReasonDocumentNotFound:
		return nil
	case err != nil || !old.Deleting:
		return err
	case !old.Purging && old.DeletedAt.After(r.now().Add(-r.trash)):
		return yunduo.Errorf(yunduo.ReasonAppExists, "the app %q was deleted and can be brought back; to make a new one of this ID, drop the old one for good", string(id))
	}
	return r.Purge(ctx, yunduo.System(""), id)
}

func (r *Registry) drop(ctx context.Context, id yunduo.AppID) error {
	if _, err := r.keys.DeleteMany(ctx, bson.D{{Key: "app", Value: string(id)}}); err != nil {
		return err
	}
	if _, err := r.vars.DeleteMany(ctx, bson.D{{Key: "app", Value: string(id)}}); err != nil {
		return err
	}
	r.mu.Lock()
	others := slices.Clone(r.onDelete)
	r.mu.Unlock()
	for _, drop := range others {
		if err := drop(ctx, id); err != nil {
			return err
		}
	}
	if err := r.db.DropApp(ctx, yunduo.System(id), id); err != nil {
		return err
	}
	_, err := r.apps.Delete(ctx, string(id))
	return err
}

func operates(caller yunduo.Caller, what string) error {
	if !caller.Operator() && caller.Role != yunduo.RoleSystem {
		return yunduo.Errorf(yunduo.ReasonPermissionDenied, "only an operator %s", what)
	}
	return nil
}

func noDeleted(id yunduo.AppID) error {
	return yunduo.Errorf(yunduo.ReasonAppNotFound, "there is no deleted app %q that can be brought back", string(id))
}
