locals {
  # Memory in GB.
  sizes = {
    small  = 1
    medium = 5
    large  = 16
  }

  # At Google an instance has a name of at most 40 characters.
  full       = replace(var.name, "_", "-")
  identifier = length(local.full) <= 40 ? local.full : "${trimsuffix(substr(local.full, 0, 31), "-")}-${substr(sha256(var.name), 0, 8)}"
  labels = { for k, v in merge(var.labels, { managed-by = "pave", pave_id = var.pave_id, team = var.team, environment = var.environment }) :
  lower(k) => substr(replace(lower(v), "/[^a-z0-9_-]/", "-"), 0, 63) }
}

# What has no input here cannot be left out: a password, TLS, two zones, a private address.
resource "google_redis_instance" "this" {
  name           = local.identifier
  display_name   = "cache of ${var.name}"
  region         = var.region
  tier           = "STANDARD_HA"
  memory_size_gb = local.sizes[var.size]
  redis_version  = local.versions[var.engine_version]

  auth_enabled            = true
  transit_encryption_mode = "SERVER_AUTHENTICATION"
  authorized_network      = var.network
  connect_mode            = "PRIVATE_SERVICE_ACCESS"
  customer_managed_key    = var.kms_key

  persistence_config {
    persistence_mode    = "RDB"
    rdb_snapshot_period = "TWELVE_HOURS"
  }

  labels = local.labels
}
