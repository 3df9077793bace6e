locals {
  sizes = {
    small  = "db-custom-2-4096"
    medium = "db-custom-2-13312"
    large  = "db-custom-4-26624"
  }

  # A name of an instance is not given again for a week after it was deleted.
  identifier = "${trimsuffix(substr(replace(var.name, "_", "-"), 0, 80), "-")}-${substr(sha256(var.pave_id), 0, 6)}"
  database   = substr(replace(var.name, "-", "_"), 0, 63)
  labels = { for k, v in merge(var.labels, { managed-by = "pave", pave_id = var.pave_id, team = var.team, environment = var.environment }) :
  lower(k) => substr(replace(lower(v), "/[^a-z0-9_-]/", "-"), 0, 63) }

  # Nothing is deleted before an admin has named the service.
  deletable = contains(var.deletable, var.service)
}

# 32 letters and digits: no character that an address would have to escape.
resource "random_password" "this" {
  length  = 32
  special = false
}

# What has no input here cannot be left out: no address in the internet, TLS alone, in two
# zones, backed up, and not deleted by mistake. Google encrypts every disk.
resource "google_sql_database_instance" "this" {
  name                = local.identifier
  region              = var.region
  database_version    = local.versions[var.engine_version]
  encryption_key_name = var.kms_key
  deletion_protection = !local.deletable

  settings {
    tier                        = local.sizes[var.size]
    edition                     = "ENTERPRISE"
    availability_type           = "REGIONAL"
    disk_type                   = "PD_SSD"
    disk_size                   = var.storage_gb
    disk_autoresize             = true
    deletion_protection_enabled = !local.deletable
    user_labels                 = local.labels

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = local.point_in_time
      binary_log_enabled             = local.binary_log

      backup_retention_settings {
        retained_backups = var.backup_days
      }
    }

    ip_configuration {
      ipv4_enabled    = false
      private_network = var.network
      ssl_mode        = "ENCRYPTED_ONLY"
    }
  }
}

# Database and user go with the instance, never before it: dropped one by one they would
# be gone where Google then refuses to delete the instance.
resource "google_sql_database" "this" {
  name            = local.database
  instance        = google_sql_database_instance.this.name
  deletion_policy = "ABANDON"
}

resource "google_sql_user" "this" {
  name            = "app"
  instance        = google_sql_database_instance.this.name
  password        = random_password.this.result
  deletion_policy = "ABANDON"
}
