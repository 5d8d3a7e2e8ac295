import { createContext, useContext, useMemo, useState, type ReactNode } from 'react'

const texts = {
  overview: ['Overview', '概览'], functions: ['Functions', '云函数'], documents: ['Documents', '数据库'], files: ['Files', '文件'],
  triggers: ['Triggers', '触发器'], users: ['Users', '用户'], signOut: ['Sign out', '退出登录'], signIn: ['Sign in', '登录'],
  setUpTitle: ['Set up the console', '初始化控制台'],
  setUpHint: ['Choose the name and password of the first operator account.', '为第一个管理员账号设置用户名和密码。'],
  linkUsed: ['This sign-in link is not valid or has expired. Sign in with your account, or restart the server for a new link.', '登录链接无效或已过期。请用账号登录，或重启服务器获取新链接。'],
  devSignInHint: ['Open the link that "yunduo dev" printed, or sign in with an operator account.', '请打开 “yunduo dev” 打印的链接，或使用管理员账号登录。'],
  username: ['User name', '用户名'], password: ['Password', '密码'], createApp: ['Create app', '新建应用'],
  appId: ['App ID', '应用 ID'], callsPerSecond: ['Calls per second', '每秒调用'], errorsPerSecond: ['Errors', '错误'], latency: ['Latency', '延迟'],
  last5min: ['last 5 minutes', '最近 5 分钟'], collections: ['Collections', '集合'], storedData: ['Stored data', '数据量'],
  isolation: ['Isolation', '隔离方式'], recentErrors: ['Recent failures', '最近的失败调用'], noErrors: ['No failures. Good.', '没有失败的调用。'],
  name: ['Name', '名称'], version: ['Version', '版本'], timeout: ['Timeout', '超时'], updated: ['Updated', '更新时间'], size: ['Size', '大小'], mode: ['Mode', '模式'],
  noFunctions: ['No functions yet. Add a folder with an index.js under cloudfunctions/; “yunduo dev” and “yunduo deploy” put it live.', '还没有云函数。在 cloudfunctions/ 下新建含 index.js 的文件夹，由 “yunduo dev” 或 “yunduo deploy” 上线。'],
  source: ['Source', '源代码'], test: ['Test', '测试'], logs: ['Logs', '日志'], versions: ['Versions', '版本'], live: ['live', '在线'], rollback: ['Make live', '设为在线'],
  compare: ['Compare', '对比'], shareWith: ['Share calls with', '分流给版本'], percentOfUsers: ['Percent of users', '用户百分比'], share: ['Share', '分流'], promote: ['Give all calls to', '全量发布'], goBack: ['Roll back', '回滚'], noDifference: ['Nothing differs.', '没有差异。'],
  startCanary: ['Start a canary', '开始灰度'], canary: ['Canary', '灰度发布'], stop: ['Stop', '停止'], stable: ['stable', '稳定版本'], fresh: ['new', '新版本'], times: ['calls', '次调用'],
  canary_running: ['running', '进行中'], canary_promoted: ['has all calls', '已全量'], canary_rolled_back: ['rolled back', '已自动回滚'], canary_stopped: ['stopped', '已停止'],
  releases: ['Releases', '发布'], release: ['Release', '发布'], note: ['Note', '备注'], changes: ['Changes', '变更'], noReleases: ['No releases yet. “yunduo deploy” makes one.', '还没有发布记录，“yunduo deploy” 会生成一次发布。'], goBackTo: ['Make everything as it was after release', '恢复到发布'], goBackHint: ['Functions, triggers, rules and routes are as they were then. Data stays.', '云函数、触发器、安全规则与路由恢复到当时的状态，数据不变。'], dropNewerIndexes: ['Also drop indexes that were made since', '同时删除之后新建的索引'],
  part_function: ['function', '云函数'], part_trigger: ['trigger', '触发器'], part_rules: ['rules', '安全规则'], part_index: ['index', '索引'], part_fileRules: ['rules of files', '文件规则'], part_functionRules: ['rules of functions', '云函数规则'], part_routes: ['routes', '路由'],
  file_added: ['added', '新增'], file_removed: ['removed', '删除'], file_changed: ['changed', '修改'],
  bundle: ['Bundle', '代码包'], script: ['Script with packages', '脚本（含依赖）'], packages: ['Packages', '依赖包'], installed: ['Packages as installed', '依赖包安装大小'], missing: ['Missing: loading these will fail', '缺失：加载以下模块会失败'], vulnerable: ['Known vulnerabilities', '已知漏洞'], noVulnerable: ['No known vulnerabilities', '没有已知漏洞'], unchecked: ['Known vulnerabilities were not checked', '未检查已知漏洞'], noPackages: ['No packages.', '没有依赖包。'],
  event: ['Event (JSON)', '事件 (JSON)'], asUser: ['Acting as', '调用身份'], asUserHint: ['openid; empty is nobody', 'openid，留空表示无用户'], invoke: ['Invoke', '调用'],
  result: ['Result', '返回值'], cold: ['cold', '冷启动'], waitingForCalls: ['Listening. Calls appear here as they end.', '正在监听，调用结束后显示在这里。'], follow: ['Live', '实时'],
  noText: ['This file is not text.', '该文件不是文本。'],
  newCollection: ['New collection', '新建集合'], noCollections: ['No collections yet.', '还没有集合。'], filter: ['Filter', '筛选条件'], sort: ['Sort', '排序'], find: ['Find', '查询'],
  insert: ['Insert', '插入'], edit: ['Edit', '编辑'], remove: ['Delete', '删除'], save: ['Save', '保存'], cancel: ['Cancel', '取消'],
  confirmDelete: ['Delete this for good?', '确定永久删除吗？'], noDocuments: ['Nothing found.', '没有找到文档。'], document: ['Document', '文档'], documentCount: ['Documents', '文档'], total: ['in all', '条'], dropCollection: ['Drop collection', '删除集合'],
  indexes: ['Indexes', '索引'], noIndexes: ['No indexes beside that on _id.', '除 _id 外还没有索引。'], newIndex: ['New index', '新建索引'], createIndex: ['Create index', '创建索引'], dropIndex: ['Drop index', '删除索引'], explain: ['Explain', '执行计划'],
  kind_insert: ['created', '创建'], kind_update: ['changed', '修改'], kind_delete: ['deleted', '删除'], kind_drop: ['dropped', '集合已删除'], kind_rename: ['renamed', '集合已重命名'], kind_appear: ['brought back', '集合已恢复'],
  noHistory: ['Nothing is known of the past.', '没有历史记录。'], historySince: ['The history reaches back to', '历史记录最早到'], restoreTo: ['Restore this', '恢复到此'], nothingToRestore: ['It is like this now.', '当前即为此状态。'],
  broughtBack: ['brought back', '找回'], changedBack: ['changed back', '改回'], removedAgain: ['removed', '移除'],
  trash: ['Trash', '回收站'], trashEmpty: ['No dropped collections.', '没有已删除的集合。'], bringBack: ['Bring back', '恢复'], dropped: ['dropped', '删除于'], keptUntil: ['kept until', '保留至'],
  transfer: ['Import and export', '导入与导出'], importFile: ['Import a file', '导入文件'], chooseFile: ['Choose a file', '选择文件'], exportFile: ['Export', '导出'],
  importHint: ['JSON lines or a JSON array as the consoles export them, CSV with a line of field names, BSON of mongodump; also as .gz.', '支持控制台导出的 JSON Lines 或 JSON 数组、首行为字段名的 CSV、mongodump 的 BSON，也可为 .gz。'],
  exportHint: ['All documents, or those that match the filter.', '导出全部文档，或符合筛选条件的文档。'],
  mode_insert: ['Insert: reject documents whose _id is taken', '插入：拒绝 _id 已存在的文档'], mode_upsert: ['Upsert: set their fields on the stored ones', '更新：将字段写入已有文档'], mode_replace: ['Replace: put them in the place of the stored ones', '替换：覆盖已有文档'],
  inserted: ['inserted', '新增'], changed: ['changed', '更新'], unchanged: ['unchanged', '未变'], rejected: ['rejected', '拒绝'], line: ['line', '行'],
  dropHint: ['It can be brought back from the trash for a while.', '一段时间内可从回收站恢复。'],
  upload: ['Upload', '上传'], folder: ['Folder', '文件夹'], download: ['Download', '下载'], type: ['Type', '类型'], modified: ['Modified', '修改时间'], noFiles: ['No files here.', '这里没有文件。'], copyId: ['File ID copied', '已复制文件 ID'], owner: ['Owner', '创建者'], uploaded: ['Uploaded', '已上传'], allFiles: ['All files', '全部文件'],
  schedule: ['Schedule', '计划'], nextRuns: ['Next runs (your time)', '下次运行（本地时间）'], lastRun: ['Last run', '上次运行'], enabled: ['Enabled', '启用'], runNow: ['Run now', '立即运行'], history: ['History', '历史'], never: ['never', '从未'], noTriggers: ['No triggers yet. State them in config.json of a function.', '还没有触发器。在云函数的 config.json 中定义即可。'], started: ['Started', '已启动'], due: ['Due', '计划时间'], duration: ['Duration', '耗时'], status: ['Status', '状态'], message: ['Message', '信息'], manual: ['manual', '手动'], running: ['running', '运行中'], succeeded: ['succeeded', '成功'], failed: ['failed', '失败'], skipped: ['skipped', '已跳过'],
  search: ['Search', '搜索'], created: ['Created', '创建时间'], lastLogin: ['Last sign-in', '上次登录'], provider: ['Provider', '登录方式'], newUser: ['New user', '新建用户'], noUsers: ['No users yet.', '还没有用户。'], identity: ['Identity', '身份'], more: ['More', '更多'],
  sessions: ['Signed in on', '登录设备'], noSessions: ['Signed in nowhere.', '没有登录的设备。'], endSession: ['Sign this device out?', '确定退出该设备吗？'], unknownDevice: ['unknown device', '未知设备'],
  ticketKeys: ['Custom sign-in', '自定义登录'], newTicketKey: ['New key pair', '新建密钥对'], noTicketKeys: ['No key pairs.', '没有密钥对。'], ticketKeyGone: ['Tickets of this key pair will no longer sign in.', '该密钥对签发的票据将无法登录。'],
  ticketKeysHint: ['Your own server vouches for users by tickets that it signs with such a key: createTicket of @cloudbase/node-sdk reads the file.', '你自己的服务器用该私钥签发登录票据，@cloudbase/node-sdk 的 createTicket 可直接读取该文件。'],
  variables: ['Secrets and variables of functions', '云函数的密钥与环境变量'], noVariables: ['None yet.', '暂无。'], value: ['Value', '值'], secret: ['secret', '密钥'],
  variablesHint: ['Found in process.env from the next call on; nothing is deployed again.', '下一次调用即可在 process.env 中读到，无需重新部署。'],
  oneFunction: ['Function', '云函数'], oneFunctionHint: ['empty means every function of the app', '留空表示应用的所有云函数'], secretNeverShown: ['Secret: never shown again', '密钥：保存后不再显示'],
  setVariable: ['Set', '设置变量'], apply: ['Apply', '应用'],
  wechatServices: ['WeChat Pay and messages', '微信支付与消息推送'], standIn: ['The app has no secret, so a stand-in plays WeChat:', '应用未设置密钥，由替身代替微信：'], merchant: ['Merchant number', '商户号'],
  merchantSerial: ['Serial number of the API certificate', '商户 API 证书序列号'], merchantKey: ['Private key (apiclient_key.pem)', '商户私钥 (apiclient_key.pem)'], apiV3Key: ['API v3 key', 'APIv3 密钥'],
  payKeyId: ['ID of WeChat Pay’s public key', '微信支付公钥 ID'], payKey: ['WeChat Pay’s public key (pub_key.pem)', '微信支付公钥 (pub_key.pem)'], pushUrl: ['Address for the message push', '消息推送地址 (URL)'], pushToken: ['Token of the message push', '消息推送 Token'],
  providerAppId: ['Service provider’s app ID', '服务商 AppID'], providerHint: ['only for a merchant who takes payments for sub-merchants', '仅当该商户是服务商、代特约商户收款时填写'], subMerchants: ['Sub-merchants of this app (* for all)', '本应用的特约商户号（* 表示全部）'],
  routes: ['Who gets messages', '消息由谁处理'], routesHint: ['one a line: TYPE[/EVENT]=FUNCTION, * is any; the first that fits', '每行一条：类型[/事件]=云函数，* 表示任意，取第一条匹配的'],
  settings: ['Settings', '设置'], credentials: ['Keys', '密钥'], general: ['General', '常规'], saved: ['Saved', '已保存'], createKey: ['Create key', '新建密钥'],
  keysHint: ['Keys act as the owner of this app: for the CLI, for your servers and for official CloudBase SDKs. Never put them into a mini-program or a web page.', '密钥拥有该应用的全部权限，供命令行、你的服务器和官方 CloudBase SDK 使用。请勿写入小程序或网页。'],
  keyOnce: ['Shown only now. Keep it in a safe place.', '仅显示这一次，请妥善保存。'], wechatAppId: ['Mini-program AppID', '小程序 AppID'], wechatSecret: ['Mini-program secret', '小程序密钥 (AppSecret)'],
  secretKept: ['kept; enter a new one to replace it', '已保存；输入新值可替换'], secretNone: ['not set', '未设置'], changesKept: ['Changes of documents are kept for', '文档变更保留时长'], changesKeptHint: ['for watches that resume, history and restores; empty is the server\'s setting', '用于监听续传、历史与恢复；留空则使用服务器设置'], hours: ['hours', '小时'], changesSize: ['and at most', '且不超过'], origins: ['Allowed web origins', '允许的网页来源'], originsHint: ['Pages of these origins may call this app, such as https://shop.example.com', '这些来源的网页可以调用该应用，例如 https://shop.example.com'], server: ['Server', '服务器'],
 
  metrics: ['Metrics', '指标'], calls: ['Calls', '调用次数'], coldStarts: ['Cold starts', '冷启动'], queueTime: ['Wait for a process', '排队时间'], processor: ['Processor', '处理器'], memory: ['Memory', '内存'], mean: ['mean', '平均'], longest: ['longest', '最长'],
  lastHour: ['1 hour', '1 小时'], lastDay: ['24 hours', '24 小时'], lastWeek: ['7 days', '7 天'], lastMonth: ['30 days', '30 天'], perMinute: ['per minute', '每分钟'], perHour: ['per hour', '每小时'], noCalls: ['No calls in this time.', '这段时间没有调用。'],
  trace: ['Trace', '追踪'], level: ['Level', '级别'], anyLevel: ['any level', '所有级别'], searchLogs: ['Text in lines, message, user, ID; or field:value', '搜索日志、错误、用户、ID，或 字段:值'], logsKept: ['Logs are kept for', '日志保留'], logsKeptHint: ['empty is the default, 7 days', '留空为默认 7 天'], days: ['days', '天'],
  crashed: ['This page failed.', '页面出错了。'], reload: ['Reload', '重新加载'],
  invalidJson: ['This is not valid JSON', '不是有效的 JSON'], requestId: ['Request ID', '请求 ID'], time: ['Time', '时间'], language: ['中文', 'English'], dark: ['Dark', '深色'], light: ['Light', '浅色'], function: ['Function', '云函数'], warnings: ['Warnings', '警告'], newFolder: ['New folder', '新建文件夹'], newFolderHint: ['such as photos/2026', '例如 photos/2026'], onlyFailures: ['Failures only', '仅失败'], idStays: ['_id cannot be changed. Insert a new document instead.', '_id 不能修改，请插入新文档。'], documentGone: ['The document is no longer there.', '该文档已不存在。'], unreachable: ['The server cannot be reached.', '无法连接服务器。'], docsHint: ['MongoDB filter as EJSON', 'MongoDB 筛选条件 (EJSON)'],
} satisfies Record<string, [string, string]>

export type TextKey = keyof typeof texts
export type Language = 'en' | 'zh'
interface I18n { language: Language; setLanguage(l: Language): void; t(key: TextKey): string }
const Context = createContext<I18n>(null as never)
export const useText = () => useContext(Context)

export function TextProvider({ children }: { children: ReactNode }) {
  const stored = localStorage.getItem('yunduo.language') as Language | null
  const [language, set] = useState<Language>(stored ?? (navigator.language.startsWith('zh') ? 'zh' : 'en'))
  const value = useMemo<I18n>(() => ({
    language,
    setLanguage(l) {
      localStorage.setItem('yunduo.language', l)
      set(l)
    },
    t: key => texts[key][language === 'zh' ? 1 : 0],
  }), [language])
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  return <Context.Provider value={value}>{children}</Context.Provider>
}
