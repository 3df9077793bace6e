mock_provider "google" {
  mock_resource "google_sql_database_instance" {
    defaults = {
      private_ip_address = "10.1.2.3"
    }
  }
}

mock_provider "random" {}

variables {
  name        = "shop-api_production"
  pave_id     = "res_01JD4T9XK2M7"
  service     = "shop-api"
  team        = "web"
  environment = "production"
  network     = "projects/net/global/networks/main"
  region      = "europe-west3"
}

run "standards" {
  assert {
    condition     = google_sql_database_instance.this.database_version == "MYSQL_8_4"
    error_message = "Google calls it MYSQL_8_4"
  }
  assert {
    condition     = google_sql_database_instance.this.deletion_protection && google_sql_database_instance.this.settings[0].deletion_protection_enabled
    error_message = "protection, at Google and in terraform"
  }
  assert {
    condition     = google_sql_database_instance.this.settings[0].availability_type == "REGIONAL" && google_sql_database_instance.this.settings[0].tier == "db-custom-2-4096"
    error_message = "two zones, and small"
  }
  assert {
    condition = (!google_sql_database_instance.this.settings[0].ip_configuration[0].ipv4_enabled
      && google_sql_database_instance.this.settings[0].ip_configuration[0].ssl_mode == "ENCRYPTED_ONLY"
    && google_sql_database_instance.this.settings[0].ip_configuration[0].private_network == "projects/net/global/networks/main")
    error_message = "not public, TLS alone"
  }
  assert {
    condition = (google_sql_database_instance.this.settings[0].backup_configuration[0].enabled
    && google_sql_database_instance.this.settings[0].backup_configuration[0].backup_retention_settings[0].retained_backups == 7)
    error_message = "backups of 7 days"
  }
  assert {
    condition     = google_sql_database_instance.this.settings[0].user_labels["pave_id"] == "res_01jd4t9xk2m7"
    error_message = "labels in lower case"
  }
  assert {
    condition     = startswith(output.url, "mysql://app:") && endswith(output.url, "@10.1.2.3:3306/shop_api_production?ssl-mode=REQUIRED")
    error_message = "an address"
  }
}

run "a_size_that_is_none" {
  command = plan
  variables {
    size = "db-f1-micro"
  }
  expect_failures = [var.size]
}

run "another_engine" {
  command = plan
  variables {
    engine = "mongodb"
  }
  expect_failures = [var.engine]
}

run "no_network" {
  command = plan
  variables {
    network = "0.0.0.0/0"
  }
  expect_failures = [var.network]
}

run "no_backups" {
  command = plan
  variables {
    backup_days = 0
  }
  expect_failures = [var.backup_days]
}

run "another_one_may_be_deleted" {
  variables {
    deletable = ["shop"]
  }
  assert {
    condition     = google_sql_database_instance.this.deletion_protection && output.protected == "the input deletable does not name shop-api"
    error_message = "protected unless it is named"
  }
}

run "it_may_be_deleted" {
  variables {
    deletable = ["shop", "shop-api"]
  }
  assert {
    condition     = !google_sql_database_instance.this.deletion_protection && !google_sql_database_instance.this.settings[0].deletion_protection_enabled && output.protected == ""
    error_message = "an admin named it"
  }
}
