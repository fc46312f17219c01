# sweetspot beside nix-bitcoin's LND, whose option `macaroons` bakes one for seven
# calls. In the node's configuration:
#
#   imports = [ ./sweetspot/deploy/nix-bitcoin/sweetspot.nix ];
#   services.sweetspot.enable = true;
{ config, lib, pkgs, ... }:

with lib;
let
  cfg = config.services.sweetspot;
  lnd = config.services.lnd;
  nbLib = config.nix-bitcoin.lib;
  name = "sweetspot";
  toml = pkgs.formats.toml { };
  configFile = toml.generate "sweetspot.toml" (recursiveUpdate
    {
      node = {
        address = "https://${nbLib.addressWithPort lnd.rpcAddress lnd.rpcPort}";
        tls_cert = lnd.certPath;
        macaroon = "/run/lnd/${name}.macaroon";
      };
      store.path = "/var/lib/${name}/sweetspot.db";
      defaults.mode = "observe";
    }
    cfg.settings);
  # With the config at hand: `sudo -u sweetspot sweetspot status`. (sudo passes no
  # variable on, so the command itself has to know.)
  command = pkgs.writeShellScriptBin name ''
    export SWEETSPOT_CONFIG="''${SWEETSPOT_CONFIG:-${configFile}}"
    exec ${cfg.package}/bin/${name} "$@"
  '';
  calls = [
    "/lnrpc.Lightning/GetInfo"
    "/lnrpc.Lightning/ListChannels"
    "/lnrpc.Lightning/GetNodeInfo"
    "/lnrpc.Lightning/GetChanInfo"
    "/lnrpc.Lightning/ForwardingHistory"
    "/lnrpc.Lightning/ClosedChannels"
    "/lnrpc.Lightning/UpdateChannelPolicy"
  ];
in
{
  options.services.sweetspot = {
    enable = mkEnableOption "sweetspot, which sets the routing fees of LND";
    package = mkOption {
      type = types.package;
      default = pkgs.rustPlatform.buildRustPackage {
        pname = name;
        version = (importTOML ../../Cargo.toml).workspace.package.version;
        src = cleanSource ../..;
        cargoLock.lockFile = ../../Cargo.lock;
        buildType = "dist";
        # The tests want a machine of their own.
        doCheck = false;
      };
      defaultText = "built from this repository";
      description = "The package that has the program.";
    };
    settings = mkOption {
      type = toml.type;
      default = { };
      example = { defaults.mode = "manage"; defaults.max_ppm = 3000; };
      description = "What config.toml says; config.example.toml has every key.";
    };
  };

  config = mkIf cfg.enable {
    services.lnd = {
      enable = true;
      macaroons.${name} = {
        user = name;
        permissions = concatMapStringsSep "," (call: ''{"entity":"uri","action":"${call}"}'') calls;
      };
    };

    environment.systemPackages = [ command ];

    systemd.services.sweetspot = {
      description = "sweetspot, Lightning routing fee manager";
      wantedBy = [ "multi-user.target" ];
      requires = [ "lnd.service" ];
      after = [ "lnd.service" ];
      # One heap for all threads, as in deploy/sweetspot.service.
      environment.MALLOC_ARENA_MAX = "1";
      serviceConfig = nbLib.defaultHardening // {
        Type = "notify";
        NotifyAccess = "main";
        ExecStart = "${cfg.package}/bin/sweetspot --config ${configFile} run";
        User = name;
        Group = name;
        StateDirectory = name;
        StateDirectoryMode = "0700";
        UMask = "0077";
        Restart = "on-failure";
        RestartSec = "10s";
        # A config with errors is not mended by a restart.
        RestartPreventExitStatus = "2 64";
        TimeoutStartSec = "30min";
        TimeoutStopSec = "20s";
        WatchdogSec = "15min";
        # Limits count on the time since the machine started; which start that is
        # stands in /proc/sys/kernel/random/boot_id.
        ProcSubset = "all";
      } // nbLib.allowLocalIPAddresses;
    };

    users.users.${name} = {
      isSystemUser = true;
      group = name;
      home = "/var/lib/${name}";
    };
    users.groups.${name} = { };
  };
}
