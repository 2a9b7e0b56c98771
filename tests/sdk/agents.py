"""What coding agents send: the fields of Claude Code's and Codex's requests, filled with words of our own."""

CLAUDE_CODE_HEADERS = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27",
    "anthropic-dangerous-direct-browser-access": "true",
    "User-Agent": "claude-cli/2.1.0 (external, cli)",
    "x-app": "cli",
    "x-stainless-lang": "js",
    "x-stainless-retry-count": "0",
}
_CACHED = {"cache_control": {"type": "ephemeral"}}
_RULES = "Keep to the rules of the house, however long the list of them may be. " * 200


def _tool(name, **properties):
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {field: {"type": kind} for field, kind in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"name": name, "description": f"What {name} does, at length.", "input_schema": schema}


def claude_code(model, *, earlier=()):
    """A turn in the middle of a session: a file was read, and now it is to be changed."""
    said = {"type": "text", "text": "<system-reminder>\nThe date is known.\n</system-reminder>\n"}
    return {
        "model": model,
        "messages": [
            {"role": "user", "content": [said, {"type": "text", "text": "Mend the greeting."}]},
            *earlier,
            {"role": "user", "content": [{"type": "text", "text": "Use Edit, please.", **_CACHED}]},
        ],
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.0.a1b; cc_entrypoint=cli; cch=0a1b2;"},
            {"type": "text", "text": "You help with code in a terminal.", **_CACHED},
            {"type": "text", "text": _RULES, **_CACHED},
        ],
        "tools": [
            _tool("Bash", command="string", timeout="number"),
            _tool("Edit", file_path="string", old_string="string", new_string="string"),
            {**_tool("Read", file_path="string"), "eager_input_streaming": True, **_CACHED},
        ],
        "metadata": {"user_id": "user_" + "0a" * 32 + "_account__session_1b2c3d4e-0000-4000-8000-000000000000"},
        "max_tokens": 32_000,
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "medium"},
        "stream": True,
    }


def tool_round(thinking, id="toolu_01"):
    """A call of an earlier turn and what it returned."""
    call = {"type": "tool_use", "id": id, "name": "Read", "input": {"file_path": "/src/hello.py"}}
    result = {"type": "tool_result", "tool_use_id": id, "content": "1\tprint('Helo')", "is_error": False}
    return [{"role": "assistant", "content": [thinking, call]}, {"role": "user", "content": [result]}]


CODEX_HEADERS = {
    "User-Agent": "codex_cli_rs/0.99.0 (Debian 13; x86_64) xterm",
    "originator": "codex_cli_rs",
    "version": "0.99.0",
    "session_id": "1b2c3d4e-0000-4000-8000-000000000000",
    "OpenAI-Beta": "responses=experimental",
    "x-codex-turn-metadata": "{}",
}
_PATCH_GRAMMAR = 'start: "*** Begin Patch" change+ "*** End Patch"\nchange: /.+/'


def _function(name, **properties):
    parameters = {
        "type": "object",
        "properties": {field: {"type": kind} for field, kind in properties.items()},
        "required": list(properties)[:1],
        "additionalProperties": False,
    }
    described = f"What {name} does, at length."
    return {"type": "function", "name": name, "description": described, "strict": False, "parameters": parameters}


def _said(role, text):
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def codex(model):
    """A turn in the middle of a session: a search, a command and a patch lie behind it."""
    return {
        "model": model,
        "instructions": _RULES,
        "input": [
            _said("developer", "<permissions instructions>Ask before you leave the folder.</permissions instructions>"),
            _said("user", "<environment_context>\n  <cwd>/src</cwd>\n</environment_context>"),
            _said("user", "Mend the greeting."),
            {"type": "reasoning", "summary": [], "content": None, "encrypted_content": "gAAAAABo"},
            {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "how to greet"}},
            _said("assistant", "I look at the file."),
            {
                "type": "function_call",
                "name": "exec_command",
                "arguments": '{"cmd":"cat hello.py"}',
                "call_id": "call_1",
            },
            {"type": "function_call_output", "call_id": "call_1", "output": "print('Helo')"},
            {
                "type": "custom_tool_call",
                "status": "completed",
                "call_id": "call_2",
                "name": "apply_patch",
                "input": "***",
            },
            {"type": "custom_tool_call_output", "call_id": "call_2", "output": '{"output":"Done."}'},
            _said("user", "And now exec_command and apply_patch, please."),
        ],
        "tools": [
            _function("exec_command", cmd="string", workdir="string", yield_time_ms="number"),
            _function("update_plan", plan="array"),
            {
                "type": "custom",
                "name": "apply_patch",
                "description": "Changes files; send the patch as it is, not as JSON.",
                "format": {"type": "grammar", "syntax": "lark", "definition": _PATCH_GRAMMAR},
            },
            {"type": "web_search", "external_web_access": False},
            _function("view_image", path="string"),
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "1b2c3d4e-0000-4000-8000-000000000000",
        "text": {"verbosity": "low"},
        "client_metadata": {"x-codex-installation-id": "5f6a7b8c-0000-4000-8000-000000000000"},
    }
