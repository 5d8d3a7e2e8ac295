package documents

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/rules"
)

const (
	maxIndexes     = 64
	maxIndexFields = 32
)

// CreateCollection makes an empty collection under the default rules. Privileged callers only; collection_exists if
// there is one.
func (s *Session) CreateCollection(ctx context.Context, collection string) error {
	ns, err := s.definition(collection)
	if err != nil {
		return err
	}
	return s.db.define(ctx, ns, func(ctx context.Context) error {
		exists, err := s.exists(ctx, collection)
		if err != nil {
			return err
		}
		if !exists { // rules that a crash left behind must not come to life again
			if err := s.db.storeRules(ctx, ns, nil); err != nil {
				return err
			}
		}
		return s.db.engine.CreateCollection(ctx, ns, driver.CollectionOptions{})
	})
}

// DropCollection removes a collection with its documents, indexes and rules; an engine that has a trash keeps it there
// for a while, see Undrop. Privileged callers only; collection_not_found if there is none.
func (s *Session) DropCollection(ctx context.Context, collection string) error {
	ns, err := s.definition(collection)
	if err != nil {
		return err
	}
	return s.db.define(ctx, ns, func(ctx context.Context) error {
		set, err := s.db.rulesOf(ctx, ns)
		if err != nil {
			return err
		}
		if err := s.db.engine.DropCollection(ctx, ns); err != nil {
			return err
		}
		if err := s.db.keepRules(ctx, ns, set); err != nil {
			return err
		}
		return s.db.storeRules(ctx, ns, nil)
	})
}

// RenameCollection gives a collection another name; its documents, indexes and rules stay. Privileged callers only.
// Reasons: collection_not_found, collection_exists, invalid_collection_name; unsupported_call if the engine cannot.
func (s *Session) RenameCollection(ctx context.Context, collection, to string) error {
	ns, err := s.definition(collection)
	if err != nil {
		return err
	}
	if err := s.validName(to); err != nil {
		return err
	}
	renamer, ok := s.db.engine.(driver.Renamer)
	if !ok {
		return yunduo.Errorf(yunduo.ReasonUnsupportedCall, "this server's database cannot rename collections")
	}
	// All of the app: it is about two collections.
	return s.db.define(ctx, driver.Namespace{App: s.app}, func(ctx context.Context) error {
		return s.rename(ctx, renamer, ns, to)
	})
}

func (s *Session) rename(ctx context.Context, renamer driver.Renamer, ns driver.Namespace, to string) error {
	set, err := s.db.rulesOf(ctx, ns)
	if err != nil {
		return err
	}
	target := driver.Namespace{App: s.app, Collection: to}
	exists, err := s.exists(ctx, to)
	switch {
	case err != nil:
		return err
	case exists:
		return yunduo.Errorf(yunduo.ReasonCollectionExists, "to: the collection %q exists already", to)
	}
	if set.String() == rules.Default().String() {
		set = nil
	}
	// The rules first: the documents must not be seen under others for a moment.
	if err := s.db.storeRules(ctx, target, set); err != nil {
		return err
	}
	if err := renamer.RenameCollection(ctx, ns, to); err != nil {
		return errors.Join(err, s.db.storeRules(ctx, target, nil))
	}
	return s.db.storeRules(ctx, ns, nil)
}

// Usage returns what the app has stored. Privileged callers only.
func (s *Session) Usage(ctx context.Context) (driver.Usage, error) {
	var u driver.Usage
	if err := s.privileged("see what the app uses"); err != nil {
		return u, err
	}
	if accountant, ok := s.db.engine.(driver.Accountant); ok {
		return accountant.Usage(ctx, s.app)
	}
	infos, err := s.db.engine.Collections(ctx, s.app)
	for _, info := range infos {
		u.Add(info)
	}
	return u, err
}

// Collections lists the app's collections by name, with document and byte counts. Privileged callers only.
func (s *Session) Collections(ctx context.Context) ([]driver.CollectionInfo, error) {
	if err := s.privileged("list collections"); err != nil {
		return nil, err
	}
	infos, err := s.db.engine.Collections(ctx, s.app)
	if err != nil {
		return nil, err
	}
	if s.caller.Role != yunduo.RoleSystem {
		infos = slices.DeleteFunc(infos, func(i driver.CollectionInfo) bool { return strings.HasPrefix(i.Name, "_") })
	}
	return infos, nil
}

// CreateIndex builds an index while others read and write the collection, and returns when it is in use. If ctx ends
// before, the build goes on; Indexes shows how far it is. Without a name it gets one made of its fields.
// Privileged callers only. Reasons: collection_not_found, invalid_index, duplicate_key.
func (s *Session) CreateIndex(ctx context.Context, collection string, index driver.Index) error {
	ns, err := s.definition(collection)
	if err != nil {
		return err
	}
	if index.Name == "" {
		index.Name = indexName(index)
	}
	if err := checkIndex(index); err != nil {
		return err
	}
	indexes, err := s.db.engine.Indexes(ctx, ns)
	if err != nil {
		return err
	}
	known := slices.ContainsFunc(indexes, func(i driver.Index) bool { return i.Name == index.Name })
	if !known && len(indexes) >= maxIndexes {
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "a collection has at most %d indexes", maxIndexes)
	}
	return s.db.engine.CreateIndex(ctx, ns, index)
}

func indexName(index driver.Index) string {
	var parts []string
	for _, e := range index.Key() {
		parts = append(parts, fmt.Sprintf("%s_%v", e.Key, e.Value))
	}
	return strings.Join(parts, "_")
}

func checkIndex(index driver.Index) error {
	if len(index.Name) > 256 || index.Name == "_id_" {
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "name: %q is reserved or longer than 256 bytes", index.Name)
	}
	if n := len(index.Fields); n < 1 || n > maxIndexFields {
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "fields: an index has 1 to %d, not %d", maxIndexFields, n)
	}
	if index.ExpireAfter < 0 || index.ExpireAfter > 0 && len(index.Fields) > 1 {
		return yunduo.Errorf(yunduo.ReasonInvalidIndex, "expireAfterSeconds: needs an index of one field and no negative time")
	}
	for i, f := range index.Fields {
		for part := range strings.SplitSeq(f.Path, ".") {
			if part == "" || part[0] == '$' {
				return yunduo.Errorf(yunduo.ReasonInvalidIndex, "fields[%d].path: %q has an empty part or one that starts with $", i, f.Path)
			}
		}
		if slices.ContainsFunc(index.Fields[:i], func(g driver.IndexField) bool { return g.Path == f.Path }) {
			return yunduo.Errorf(yunduo.ReasonInvalidIndex, "fields[%d].path: %q is given twice", i, f.Path)
		}
	}
	return nil
}

// DropIndex removes an index. Privileged callers only. Reasons: collection_not_found, index_not_found.
func (s *Session) DropIndex(ctx context.Context, collection, name string) error {
	ns, err := s.definition(collection)
	if err != nil {
		return err
	}
	return s.db.engine.DropIndex(ctx, ns, name)
}

// Indexes lists a collection's indexes by name, without the implicit one on _id. Privileged callers only.
func (s *Session) Indexes(ctx context.Context, collection string) ([]driver.Index, error) {
	ns, err := s.definition(collection)
	if err != nil {
		return nil, err
	}
	return s.db.engine.Indexes(ctx, ns)
}

// definition checks that the session may change what collections there are.
func (s *Session) definition(collection string) (driver.Namespace, error) {
	ns, err := s.namespace(collection)
	if err != nil {
		return ns, err
	}
	if s.tx != nil {
		return ns, yunduo.Errorf(yunduo.ReasonInvalidRequest, "collections and indexes cannot be changed inside a transaction")
	}
	return ns, s.privileged(fmt.Sprintf("define the collection %q", collection))
}

func (s *Session) exists(ctx context.Context, collection string) (bool, error) {
	infos, err := s.db.engine.Collections(ctx, s.app)
	return slices.ContainsFunc(infos, func(i driver.CollectionInfo) bool { return i.Name == collection }), err
}

// DropApp removes everything that an app stores. The caller manages the app; app_not_found is never returned, for an
// app without data is no error.
func (db *DB) DropApp(ctx context.Context, caller yunduo.Caller, app yunduo.AppID) error {
	s := db.AsApp(caller, app)
	if s.refused != nil {
		return s.refused
	}
	if err := app.Validate(); err != nil {
		return err
	}
	return db.definitions.announced(ctx, notice{App: string(app), Gone: true}, func(ctx context.Context) error {
		db.open.abortApp(app)
		db.watches.dropApp(app)
		defer db.rules.clear()
		return db.engine.DropApp(ctx, app)
	})
}
