mock_provider "google" {
  mock_resource "google_redis_instance" {
    defaults = {
      host        = "10.1.2.3"
      port        = 6378
      auth_string = "secret"
      server_ca_certs = [
        { cert = "-----BEGIN CERTIFICATE-----\nold" },
        { cert = "-----BEGIN CERTIFICATE-----\nnew" },
      ]
    }
  }
}

variables {
  name        = "shop-api_production"
  pave_id     = "res_01JD4T9XK2M7"
  team        = "web"
  environment = "production"
  network     = "projects/net/global/networks/main"
  region      = "europe-west3"
}

run "standards" {
  assert {
    condition     = google_redis_instance.this.auth_enabled && google_redis_instance.this.transit_encryption_mode == "SERVER_AUTHENTICATION"
    error_message = "a password and TLS"
  }
  assert {
    condition     = google_redis_instance.this.tier == "STANDARD_HA" && google_redis_instance.this.connect_mode == "PRIVATE_SERVICE_ACCESS"
    error_message = "two zones, a private address"
  }
  assert {
    condition     = google_redis_instance.this.redis_version == "REDIS_7_2" && google_redis_instance.this.memory_size_gb == 1
    error_message = "as Google calls it"
  }
  assert {
    condition     = output.url == "rediss://:secret@10.1.2.3:6378"
    error_message = "an address"
  }
  assert {
    condition     = output.server_ca == "-----BEGIN CERTIFICATE-----\nold\n-----BEGIN CERTIFICATE-----\nnew"
    error_message = "both authorities while one follows the other"
  }
}

run "a_size_that_is_none" {
  command = plan
  variables {
    size = "huge"
  }
  expect_failures = [var.size]
}
