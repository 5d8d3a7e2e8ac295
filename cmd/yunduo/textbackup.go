package main

// backupTexts are what backup and restore say.
var backupTexts = struct {
	backup, list, restore                                                                                         text
	made, verified, pruned, restored, aside, restoredApp, restoringApp, elsewhere, secretElsewhere, next, noClock text
}{
	backup:  text{"Make a backup of a data directory, also while a server uses it", "备份数据目录，服务器运行中也可以"},
	list:    text{"List the backups in a folder", "列出目录中的备份"},
	restore: text{"Restore a data directory from a backup, or one app to a moment in the past", "从备份恢复数据目录，或把某个应用恢复到过去的某一时刻"},

	made:            text{"Backup %s: %d files, %.1f MB; %.1f MB were new", "备份 %s：%d 个文件，%.1f MB，其中新增 %.1f MB"},
	verified:        text{"Every file is as it should be, and the documents are consistent", "所有文件完好，文档数据一致"},
	pruned:          text{"Removed %d older backups", "已删除 %d 个较早的备份"},
	restored:        text{"%s is as it was at %s", "%s 已恢复到 %s"},
	aside:           text{"What was there is in %s", "原有数据移至 %s"},
	restoredApp:     text{"App %s is as it was at %s: %d documents. What it had is in the trash for a while.", "应用 %s 已恢复到 %s：%d 个文档。原有数据在回收站中保留一段时间。"},
	restoringApp:    text{"%s: %d of about %d documents", "%s：%d / 约 %d 个文档"},
	elsewhere:       text{"! Files are kept in a bucket and are no part of the backup", "! 文件保存在对象存储桶中，不在备份内"},
	secretElsewhere: text{"! The server's secret comes from YUNDUO_SECRET and is no part of the backup: keep it", "! 服务器密钥来自 YUNDUO_SECRET，不在备份内，请妥善保管"},
	next:            text{"Next: yunduo serve --data %s", "下一步：yunduo serve --data %s"},
	noClock:         text{"No backup of %s is from %s or later; the server itself may reach back that far: leave the backup out", "%s 中没有 %s 或之后的备份；服务器自身的修改日志也许够得着：不指定备份再试"},
}
