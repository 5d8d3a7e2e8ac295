import { javascript } from '@codemirror/lang-javascript'
import { json } from '@codemirror/lang-json'
import { syntaxHighlighting } from '@codemirror/language'
import { Compartment, EditorState } from '@codemirror/state'
import { oneDarkHighlightStyle } from '@codemirror/theme-one-dark'
import { EditorView, keymap } from '@codemirror/view'
import { basicSetup } from 'codemirror'
import { useEffect, useRef } from 'react'

interface Props { value: string; onChange?(value: string): void; language?: 'json' | 'javascript' | 'text'; dark: boolean; height?: string; label: string; onSubmit?(): void }

const colors = (dark: boolean) => EditorView.theme(dark
  ? { '&': { backgroundColor: '#1b1b1b', color: '#ddd' }, '.cm-gutters': { backgroundColor: '#1b1b1b', color: '#777', border: 'none' }, '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: '#ffffff10' }, '.cm-cursor': { borderLeftColor: '#ddd' } }
  : { '&': { backgroundColor: '#fff' }, '.cm-gutters': { backgroundColor: '#fafafa', border: 'none' } }, { dark })

const look = (dark: boolean) => (dark ? [colors(true), syntaxHighlighting(oneDarkHighlightStyle)] : colors(false))

const languages = { json: () => [json()], javascript: () => [javascript({ typescript: true, jsx: true })], text: () => [] }

/** A CodeMirror 6 editor; read-only without onChange. Ctrl+Enter submits. */
export function Editor({ value, onChange, language = 'json', dark, height = '260px', label, onSubmit }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView>(null)
  const handlers = useRef({ onChange, onSubmit })
  const theme = useRef(new Compartment())
  handlers.current = { onChange, onSubmit }
  const editable = onChange !== undefined

  useEffect(() => {
    const made = new EditorView({
      parent: host.current!,
      state: EditorState.create({
        doc: value,
        extensions: [
          keymap.of([{ key: 'Mod-Enter', run: () => (handlers.current.onSubmit?.(), true) }]),
          basicSetup, ...languages[language](), theme.current.of(look(dark)), EditorView.lineWrapping,
          EditorState.readOnly.of(!editable), EditorView.contentAttributes.of({ 'aria-label': label }),
          EditorView.updateListener.of(u => { if (u.docChanged) handlers.current.onChange?.(u.state.doc.toString()) }),
          EditorView.theme({ '&': { height }, '.cm-scroller': { overflow: 'auto' } }),
        ],
      }),
    })
    view.current = made
    return () => made.destroy()
    // The editor owns its text; only these settings need a new one.
  }, [language, height, editable])

  useEffect(() => {
    const v = view.current
    if (v && v.state.doc.toString() !== value) v.dispatch({ changes: { from: 0, to: v.state.doc.length, insert: value } })
  }, [value])
  useEffect(() => view.current?.dispatch({ effects: theme.current.reconfigure(look(dark)) }), [dark])
  return <div className="editor" ref={host} />
}
