# Versions and snapshots: names that are fixed for the versions of this package to come.

ufo_versions <- function(store, name) {
  path <- store_path(check_store(store))
  raise_unsupported("ufo_versions() is not in this version of ufostore", path = path, object = check_name(name, path))
}

ufo_snapshot <- function(store, label) {
  raise_unsupported("ufo_snapshot() is not in this version of ufostore", path = store_path(check_store(store)))
}

ufo_snapshots <- function(store) {
  raise_unsupported("ufo_snapshots() is not in this version of ufostore", path = store_path(check_store(store)))
}
