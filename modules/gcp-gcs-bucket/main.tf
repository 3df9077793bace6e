locals {
  # Names of buckets are of all the world: the end tells ours from those of others.
  suffix  = substr(sha256(var.pave_id), 0, 8)
  bucket  = "${trimsuffix(substr(replace(var.name, "_", "-"), 0, 54), "-")}-${local.suffix}"
  account = "${trimsuffix(substr(replace(var.name, "_", "-"), 0, 20), "-")}-${local.suffix}"
  labels = { for k, v in merge(var.labels, { managed-by = "pave", pave_id = var.pave_id, team = var.team, environment = var.environment }) :
  lower(k) => substr(replace(lower(v), "/[^a-z0-9_-]/", "-"), 0, 63) }

  # Nothing is deleted before an admin has named the service.
  deletable = contains(var.deletable, var.service)
}

# What has no input here cannot be left out: versions, a key of one's own, no public
# access. A bucket with something in it is not destroyed, unless an admin named the service.
resource "google_storage_bucket" "this" {
  name          = local.bucket
  location      = var.location
  force_destroy = local.deletable

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  encryption {
    default_kms_key_name = var.kms_key
  }

  labels = local.labels
}

# A key for programs that have no account of their own: it may use this bucket alone.
resource "google_service_account" "this" {
  count = var.access_key ? 1 : 0

  account_id   = local.account
  display_name = "bucket ${local.bucket}"
}

resource "google_storage_bucket_iam_member" "this" {
  count = var.access_key ? 1 : 0

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectAdmin"
  member = "serviceAccount:${google_service_account.this[0].email}"
}

resource "google_storage_hmac_key" "this" {
  count = var.access_key ? 1 : 0

  service_account_email = google_service_account.this[0].email
}
