package main

// dataTexts are what the verbs about data say.
var dataTexts = struct {
	db, collections, query, index, indexList, indexCreate, indexDrop, importCmd, exportCmd, history, restore, trash, trashList,
	trashRestore, trashDelete text
	imported, rejected, moreRejected, indexesMade, warning, exported, indexMade, indexDropped, since, olderPages, wouldRestore,
	restored, unchanged, undropped, purged text
}{
	db:           text{"Look after an app's documents", "管理应用的文档数据"},
	collections:  text{"List collections", "列出集合"},
	query:        text{"Print the documents that match a filter, one per line", "查询并逐行输出文档"},
	index:        text{"Look after indexes", "管理索引"},
	indexList:    text{"List a collection's indexes", "列出集合的索引"},
	indexCreate:  text{"Build an index", "创建索引"},
	indexDrop:    text{"Remove an index", "删除索引"},
	importCmd:    text{"Import a JSON, CSV or BSON file, a mongodump folder or archive", "导入 JSON、CSV、BSON 文件，或 mongodump 的目录与归档"},
	exportCmd:    text{"Export a collection as a file, or the whole app as an archive", "把集合导出为文件，或把整个应用导出为归档"},
	history:      text{"Show who changed a document or a collection", "查看文档或集合的修改历史"},
	restore:      text{"Take a document or a collection back to a moment", "把文档或集合恢复到某一时刻"},
	trash:        text{"Look after dropped collections", "管理已删除的集合"},
	trashList:    text{"List the dropped collections that can be brought back", "列出仍可恢复的已删除集合"},
	trashRestore: text{"Bring a dropped collection back", "恢复已删除的集合"},
	trashDelete:  text{"Remove a dropped collection for good", "彻底删除集合"},

	imported:     text{"%s: %d inserted, %d updated, %d unchanged, %d rejected", "%s：新增 %d，更新 %d，未变 %d，拒绝 %d"},
	rejected:     text{"  line %d: %s", "  第 %d 行：%s"},
	moreRejected: text{"  ... and %d more", "  …… 另有 %d 条"},
	indexesMade:  text{"%d indexes are in use", "%d 个索引已就绪"},
	warning:      text{"! %s", "! %s"},
	exported:     text{"Exported to %s", "已导出到 %s"},
	indexMade:    text{"The index is in use", "索引已就绪"},
	indexDropped: text{"%s was removed", "%s 已删除"},
	since:        text{"The history reaches back to %s.", "历史记录最早到 %s。"},
	olderPages:   text{"Older changes: --before %d", "更早的修改：--before %d"},
	wouldRestore: text{"Would bring back %d, change %d and remove %d documents", "将找回 %d 个、改回 %d 个、移除 %d 个文档"},
	restored:     text{"Brought back %d, changed %d and removed %d documents", "已找回 %d 个、改回 %d 个、移除 %d 个文档"},
	unchanged:    text{"Nothing has changed since then.", "自那时起没有任何变化。"},
	undropped:    text{"The collection is back", "集合已恢复"},
	purged:       text{"The collection is gone for good", "集合已彻底删除"},
}
