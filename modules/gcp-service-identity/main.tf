locals {
  account         = "${trimsuffix(substr(replace(var.name, "_", "-"), 0, 20), "-")}-${substr(sha256(var.pave_id), 0, 8)}"
  namespace       = coalesce(var.namespace, var.environment)
  service_account = coalesce(var.service_account, var.service)
}

resource "google_service_account" "this" {
  account_id   = local.account
  display_name = "${var.service} in ${var.environment}"
  description  = "pave ${var.pave_id}, team ${var.team}"
}

# One service account of one namespace of the cluster acts as it, and nobody else.
resource "google_service_account_iam_member" "this" {
  service_account_id = google_service_account.this.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.cluster_project}.svc.id.goog[${local.namespace}/${local.service_account}]"
}

resource "google_project_iam_member" "this" {
  for_each = toset(var.roles)

  project = var.cluster_project
  role    = each.value
  member  = "serviceAccount:${google_service_account.this.email}"
}
