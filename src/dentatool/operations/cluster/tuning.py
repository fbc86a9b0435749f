"""PostgreSQL settings of the embedded server, given on its command line at every start."""

_COMMON = {
    "password_encryption": "scram-sha-256",
    "max_connections": "80",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "jit": "off",  # compiling costs more than our short queries take
    "random_page_cost": "1.1",
    "effective_io_concurrency": "64",
    "checkpoint_completion_target": "0.9",
    "track_io_timing": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Logs name what happened, never the statement or a row: they are no place for personal data.
    "logging_collector": "on",
    "log_filename": "postgres-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_file_mode": "0600",
    "log_line_prefix": "%m [%p] %q%u@%d %e ",
    "log_error_verbosity": "terse",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_lock_waits": "off",  # would log the waiting statement
    "log_temp_files": "-1",
    "log_autovacuum_min_duration": "-1",
    "idle_in_transaction_session_timeout": "60s",
    "tcp_user_timeout": "30s",
    # An attacker in the app's role shall not learn of others by the planner's or loader's side doors.
    "allow_in_place_tablespaces": "off",
    "dynamic_library_path": "$libdir",
    "shared_preload_libraries": "",
    "local_preload_libraries": "",
    "session_preload_libraries": "",
}

DURABLE = {
    **_COMMON,
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "256MB",
    "max_wal_size": "1GB",
    "min_wal_size": "80MB",
}

# For tests: what is lost by a power cut is made anew. Nothing that protects people differs.
THROWAWAY = {
    **_COMMON,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
}

# With backups: each finished segment of the log is kept until the archiver (operations/backup/archive.py) has it durable
# in the target and says so by a marker. The command only waits for that: it needs no key and no right to the target, and
# a kill of either side loses nothing. While no archiver runs it fails at once, which PostgreSQL repeats.
ARCHIVED, WATCHED = "archived", ".watched"
_MARKER = f"../{ARCHIVED}/%f"
ARCHIVING = {
    "archive_mode": "on",
    "archive_command": f"i=0; while [ ! -e {_MARKER} ] && [ -e ../{ARCHIVED}/{WATCHED} ] && [ $i -lt 25 ];"
    f" do sleep 0.2; i=$((i+1)); done; [ -e {_MARKER} ]",
    "archive_timeout": "300",
    "summarize_wal": "on",  # what incremental backups are made from
}
