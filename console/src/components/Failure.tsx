import { Alert } from 'antd'
import { RequestError } from '../api'
import { useText } from '../i18n'

/** An error as a person wants it: what is wrong, and the request ID to look for in the server's log. */
export function Failure({ error, style }: { error: unknown; style?: React.CSSProperties }) {
  const { t } = useText()
  const detail = error instanceof RequestError ? error.detail : undefined
  return (
    <Alert type="error" showIcon style={style} title={error instanceof TypeError ? t('unreachable') : error instanceof Error ? error.message : String(error)}
      description={detail && <span className="mono muted">{detail.reason} · {t('requestId')} {detail.requestId}{detail.stack && <pre className="document">{detail.stack}</pre>}</span>} />
  )
}
