import { ExportOutlined, ImportOutlined } from '@ant-design/icons'
import { App as AntApp, Button, Drawer, Radio, Tooltip, Upload } from 'antd'
import { useState } from 'react'
import { download, manage, part, send, type ImportReport } from '../api'
import { useText } from '../i18n'
import { Failure } from './Failure'

interface Props { app: string; collection: string; filter?: unknown; onImported(): void }

const formats = ['jsonl', 'json', 'csv', 'bson'] as const

/** Files into a collection and out of it. */
export function Transfer({ app, collection, filter, onImported }: Props) {
  const { t } = useText()
  const { message } = AntApp.useApp()
  const [open, setOpen] = useState(false)
  const [mode, setMode] = useState('insert')
  const [busy, setBusy] = useState(false)
  const [report, setReport] = useState<ImportReport>()
  const [error, setError] = useState<Error>()
  const path = manage(app, `/collections/${part(collection)}`)
  const take = async (file: File) => {
    const name = file.name.replace(/\.gz$/, '')
    const format = /\.csv$/i.test(name) ? 'csv' : /\.bson$/i.test(name) ? 'bson' : /\.json$/i.test(name) ? 'json' : 'jsonl'
    setBusy(true)
    setReport(undefined)
    setError(undefined)
    try {
      const source = `${file.name} ${file.size} ${file.lastModified}`
      setReport(await send<ImportReport>(`${path}/import?format=${format}&mode=${mode}&source=${part(source)}`, file))
      onImported()
    } catch (e) {
      setError(e as Error)
    } finally {
      setBusy(false)
    }
  }
  const give = async (format: string) => {
    setBusy(true)
    try {
      await download(`${path}/export`, { format, filter }, `${collection}.${format}`)
    } catch (e) {
      message.error((e as Error).message)
    } finally {
      setBusy(false)
    }
  }
  return (
    <>
      <Tooltip title={t('transfer')}><Button aria-label={t('transfer')} icon={<ImportOutlined />} onClick={() => setOpen(true)} /></Tooltip>
      <Drawer open={open} onClose={() => setOpen(false)} title={`${t('transfer')} · ${collection}`}>
        <h3>{t('importFile')}</h3>
        <p className="muted">{t('importHint')}</p>
        <Radio.Group value={mode} onChange={e => setMode(e.target.value)} options={['insert', 'upsert', 'replace'].map(m => ({ value: m, label: t(`mode_${m as 'insert'}`) }))} style={{ display: 'flex', flexDirection: 'column', gap: 6, marginBottom: 12 }} />
        <Upload showUploadList={false} accept=".json,.jsonl,.ndjson,.csv,.bson,.gz" beforeUpload={file => { void take(file); return false }}>
          <Button type="primary" icon={<ImportOutlined />} loading={busy}>{t('chooseFile')}</Button>
        </Upload>
        {error && <Failure error={error} />}
        {report && (
          <div style={{ marginTop: 12 }}>
            <div>{t('inserted')} {report.inserted} · {t('changed')} {report.updated} · {t('unchanged')} {report.unchanged} · {t('rejected')} {report.rejected}</div>
            {report.error && <div className="log-error">{report.error.message}</div>}
            {report.rejections?.slice(0, 50).map(r => <div key={r.line} className="log wraps"><span className="mono">{t('line')} {r.line}</span> {r.message}</div>)}
          </div>
        )}
        <h3 style={{ marginTop: 24 }}>{t('exportFile')}</h3>
        <p className="muted">{t('exportHint')}</p>
        <div style={{ display: 'flex', flexWrap: 'wrap', gap: 8 }}>
          {formats.map(f => <Button key={f} icon={<ExportOutlined />} disabled={busy} onClick={() => give(f)}>{f}</Button>)}
        </div>
      </Drawer>
    </>
  )
}
