--
-- PostgreSQL database cluster dump
--

\restrict xp4asGwLqxGkv6srg44tqepGsngUqFphiYJorcwPYpaPmcjFsHT46xejGaQ8C6Z

SET default_transaction_read_only = off;

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

--
-- Roles
--

CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS;
CREATE ROLE upkeep_read;
ALTER ROLE upkeep_read WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION BYPASSRLS;

--
-- User Configurations
--


--
-- Role memberships
--

GRANT pg_monitor TO upkeep_read GRANTED BY postgres;
GRANT pg_read_all_data TO upkeep_read GRANTED BY postgres;






\unrestrict xp4asGwLqxGkv6srg44tqepGsngUqFphiYJorcwPYpaPmcjFsHT46xejGaQ8C6Z

--
-- PostgreSQL database cluster dump complete
--

