#!/bin/bash
# sweetspot as a bonus app of RaspiBlitz: from the release's Debian package, with a
# macaroon that cannot spend. For home.admin/config.scripts/bonus.sweetspot.sh.

version="0.1.0"
releases="https://github.com/OWNER/sweetspot/releases/download/v${version}"
config="/etc/sweetspot/config.toml"

if [ $# -eq 0 ] || [ "$1" = "-h" ] || [ "$1" = "-help" ]; then
  echo "# bonus.sweetspot.sh on                 -> install; it only observes"
  echo "# bonus.sweetspot.sh off [delete-data]  -> uninstall; the database stays unless told"
  echo "# bonus.sweetspot.sh status             -> key=value"
  echo "# bonus.sweetspot.sh menu               -> what to do next"
  exit 1
fi

source /mnt/hdd/raspiblitz.conf
isInstalled=$(dpkg -s sweetspot 2>/dev/null | grep -c '^Status: install ok installed')
# The last step of "on": before that it may be done again.
isEnabled=$(systemctl is-enabled sweetspot 2>/dev/null | grep -c '^enabled$')

# Says why, in the form of the other scripts.
fail() {
  echo "error='$1'"
  exit 1
}

case "$1" in
status)
  echo "installed=${isInstalled}"
  echo "isRunning=$(systemctl is-active sweetspot 2>/dev/null | grep -c '^active$')"
  ;;

menu)
  whiptail --title " sweetspot " --msgbox "sweetspot watches your node and says what it would change:

sudo -u sweetspot sweetspot --config ${config} plan
sudo -u sweetspot sweetspot --config ${config} explain CHANNEL

Fees are set once ${config} says mode = \"manage\" and
sudo systemctl reload sweetspot has been run." 16 76
  ;;

1 | on)
  [ "${isInstalled}${isEnabled}" != "11" ] || fail "sweetspot is already installed"
  [ "${lightning}" = "lnd" ] || fail "sweetspot needs LND"
  [ "${chain}" = "main" ] || fail "sweetspot is set up for mainnet"

  # What fails leaves neither a macaroon behind nor a way that "on" cannot go again.
  place=$(mktemp -d) || fail "no temporary folder"
  trap 'rm -rf "${place}"' EXIT
  # The macaroon is baked by the admin user, and readable by sweetspot alone.
  lncli bakemacaroon --save_to="${place}/sweetspot.macaroon" \
    uri:/lnrpc.Lightning/GetInfo uri:/lnrpc.Lightning/ListChannels \
    uri:/lnrpc.Lightning/GetNodeInfo uri:/lnrpc.Lightning/GetChanInfo \
    uri:/lnrpc.Lightning/ForwardingHistory uri:/lnrpc.Lightning/ClosedChannels \
    uri:/lnrpc.Lightning/UpdateChannelPolicy || fail "cannot bake the macaroon: is LND unlocked?"
  chmod 600 "${place}/sweetspot.macaroon"

  deb="sweetspot_${version}-1_$(dpkg --print-architecture).deb"
  cd "${place}" || fail "no temporary folder"
  wget -q "${releases}/${deb}" "${releases}/SHA256SUMS" || fail "cannot download ${deb}"
  sha256sum --check --ignore-missing SHA256SUMS || fail "${deb} is not what was released"
  sudo apt-get install -y "./${deb}" || fail "cannot install ${deb}"

  sudo install -m 0640 -g sweetspot "${place}/sweetspot.macaroon" /etc/sweetspot/
  sudo install -m 0640 -g sweetspot /mnt/hdd/app-data/lnd/tls.cert /etc/sweetspot/

  # The database goes to the disk that outlives an update of the system.
  sudo install -d -m 0700 -o sweetspot -g sweetspot /mnt/hdd/app-data/sweetspot
  sudo sed -i 's|^path = .*|path = "/mnt/hdd/app-data/sweetspot/sweetspot.db"|' "${config}"
  sudo install -d /etc/systemd/system/sweetspot.service.d
  printf '[Service]\nReadWritePaths=/mnt/hdd/app-data/sweetspot\n' |
    sudo tee /etc/systemd/system/sweetspot.service.d/raspiblitz.conf >/dev/null
  sudo systemctl daemon-reload
  sudo -u sweetspot sweetspot --config "${config}" check || fail "see above"
  sudo systemctl enable --now sweetspot
  /home/admin/config.scripts/blitz.conf.sh set sweetspot "on"
  echo "# OK: it observes. Monitor with: sudo journalctl -fu sweetspot"
  ;;

0 | off)
  sudo systemctl disable --now sweetspot
  sudo apt-get remove -y sweetspot
  sudo rm -rf /etc/systemd/system/sweetspot.service.d
  sudo systemctl daemon-reload
  if [ "$2" = "delete-data" ]; then
    # With it go the original fees: restore them before.
    sudo rm -rf /mnt/hdd/app-data/sweetspot
    sudo rm -f /etc/sweetspot/sweetspot.macaroon /etc/sweetspot/tls.cert
    sudo apt-get purge -y sweetspot
  fi
  /home/admin/config.scripts/blitz.conf.sh set sweetspot "off"
  echo "# OK: sweetspot is removed"
  ;;

*)
  fail "unknown parameter $1"
  ;;
esac
