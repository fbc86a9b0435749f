"""PostgreSQL as Django knows it, except that primary keys are (lab_id, id)."""
