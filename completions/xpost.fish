# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_xpost_global_optspecs
    string join \n json q/quiet v/verbose color= h/help V/version
end

function __fish_xpost_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_xpost_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_xpost_using_subcommand
    set -l cmd (__fish_xpost_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c xpost -n "__fish_xpost_needs_command" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_needs_command" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_needs_command" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_needs_command" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_needs_command" -s V -l version -d 'Print version'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "publish" -d 'Publish drafts on their targets, each exactly once'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "check" -d 'Check drafts for their targets, offline: parts, counts, warnings and problems'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "preview" -d 'Show drafts as they will look on each target'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "account" -d 'Add, list, check and remove accounts; groups and default targets'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "history" -d 'List, search and show what was posted, with every attempt'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "run" -d 'Deliver what is due: scheduled posts, posts that a network asked to try later; take back what has expired'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "retry" -d 'Try again what failed, from the part that failed on; nothing is posted twice'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "resolve" -d 'Settle posts whose outcome is unknown: ask the network, or say yourself what became of them'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "cancel" -d 'Cancel what is scheduled, waiting or failed; what is being sent right now goes on'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "edit" -d 'Change the text of a post at the networks that can, to what a draft says now'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "delete" -d 'Delete a post at the networks that can, and remember it'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "media" -d 'Show what each network makes of a picture, film or sound: as it is, changed, or not at all'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "platforms" -d 'Show the networks and what each can do'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "media-host" -d 'Keys of the storage that puts media where networks can fetch them'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "doctor" -d 'Look at settings, store, keyring, every login and what is waiting, and say what to do'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "backup" -d 'Copy accounts and history into a file, whole as of one moment'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "mock" -d 'Serve stand-ins of all networks on this machine, to test a pipeline without posting anything'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "demo" -d 'Publish an example to stand-ins of all networks: no account, no network, nothing leaves this machine'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c xpost -n "__fish_xpost_needs_command" -f -a "man" -d 'Print the manual page, or write a page for each verb'
complete -c xpost -n "__fish_xpost_using_subcommand publish" -l text -d 'The text itself, instead of a file' -r
complete -c xpost -n "__fish_xpost_using_subcommand publish" -s t -l to -d 'Where to: accounts, platforms, @groups or `all`; goes before the draft\'s own `to`' -r
complete -c xpost -n "__fish_xpost_using_subcommand publish" -l var -d 'A variable for `{{ KEY }}` in the draft; `XPOST_VAR_KEY` in the environment is the same' -r
complete -c xpost -n "__fish_xpost_using_subcommand publish" -l once -d 'Post once for this key (a tag, say), also on machines that remember nothing' -r
complete -c xpost -n "__fish_xpost_using_subcommand publish" -l plan -d 'Send only if the plan is still the one of `xpost preview --json`' -r
complete -c xpost -n "__fish_xpost_using_subcommand publish" -l at -d 'Not before this time: `2026-12-01 09:00` in your zone' -r
complete -c xpost -n "__fish_xpost_using_subcommand publish" -l wait -d 'Wait so long for networks that ask to come back later' -r
complete -c xpost -n "__fish_xpost_using_subcommand publish" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand publish" -l again -d 'Post it again, even if the same draft was posted before'
complete -c xpost -n "__fish_xpost_using_subcommand publish" -l all-or-none -d 'Send nothing at all if one target has a problem'
complete -c xpost -n "__fish_xpost_using_subcommand publish" -s n -l dry-run -d 'Check only, as `xpost check`'
complete -c xpost -n "__fish_xpost_using_subcommand publish" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand publish" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand publish" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand publish" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand check" -l text -d 'The text itself, instead of a file' -r
complete -c xpost -n "__fish_xpost_using_subcommand check" -s t -l to -d 'Where to: accounts, platforms, @groups or `all`; goes before the draft\'s own `to`' -r
complete -c xpost -n "__fish_xpost_using_subcommand check" -l var -d 'A variable for `{{ KEY }}` in the draft; `XPOST_VAR_KEY` in the environment is the same' -r
complete -c xpost -n "__fish_xpost_using_subcommand check" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand check" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand check" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand check" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand preview" -l text -d 'The text itself, instead of a file' -r
complete -c xpost -n "__fish_xpost_using_subcommand preview" -s t -l to -d 'Where to: accounts, platforms, @groups or `all`; goes before the draft\'s own `to`' -r
complete -c xpost -n "__fish_xpost_using_subcommand preview" -l var -d 'A variable for `{{ KEY }}` in the draft; `XPOST_VAR_KEY` in the environment is the same' -r
complete -c xpost -n "__fish_xpost_using_subcommand preview" -l html -d 'Write a page that needs nothing but itself, with a card for each target' -r -F
complete -c xpost -n "__fish_xpost_using_subcommand preview" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand preview" -l offline -d 'Read no link cards'
complete -c xpost -n "__fish_xpost_using_subcommand preview" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand preview" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand preview" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand preview" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -f -a "add" -d 'Add an account: asks for what the network needs and says who it is'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -f -a "login" -d 'Give an account new credentials, or keep them somewhere else'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -f -a "list" -d 'List the accounts'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -f -a "ls" -d 'List the accounts'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -f -a "show" -d 'Show all that is known of an account, but never its secret'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -f -a "check" -d 'Ask the network who an account is; without a name all of them'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -f -a "rename" -d 'Give an account another name; its secret and history go with it'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -f -a "targets" -d 'List what a login can post to (pages, channels, chats), and add it'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -f -a "export" -d 'Write the whole login as one value, for a pipeline'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -f -a "remove" -d 'Forget an account, delete its secret, and end its login at the network'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -f -a "default" -d 'Show or set the targets of drafts that name none'
complete -c xpost -n "__fish_xpost_using_subcommand account; and not __fish_seen_subcommand_from add login list ls show check rename targets export remove default group" -f -a "group" -d 'List, make or remove groups'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l name -d 'What to call the account; the network\'s name if it is free' -r
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l server -d 'The server, where the network has several' -r
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l set -d 'A field or limit of the account that is no secret' -r
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l with -d 'The way to log in, where the network has several: `xpost account add PLATFORM` lists them' -r
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l secret -d 'Where the secret is kept' -r -f -a "keyring\t'The keyring of this system (the default)'
file\t'A file that only you can read'
env\t'Nowhere: the environment gives it at every run'
command\t'A command prints it at every run'"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l secret-command -d 'The command that prints the secret, for `--secret command`' -r
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l paste -d 'The browser is on another machine: paste the address that it ends at'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l no-browser -d 'Open no browser, only show the address; a browser on this machine must be able to open it'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l stdin -d 'Read secrets from standard input: one `field=value` a line, a JSON object, the one secret alone, or what `account export` wrote'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l offline -d 'Do not ask the network who it is'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l help-setup -d 'Print how to get the credentials, and do nothing'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from login" -l with -d 'The way to log in, where the network has several: `xpost account add PLATFORM` lists them' -r
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from login" -l secret -d 'Where the secret is kept' -r -f -a "keyring\t'The keyring of this system (the default)'
file\t'A file that only you can read'
env\t'Nowhere: the environment gives it at every run'
command\t'A command prints it at every run'"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from login" -l secret-command -d 'The command that prints the secret, for `--secret command`' -r
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from login" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from login" -l paste -d 'The browser is on another machine: paste the address that it ends at'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from login" -l no-browser -d 'Open no browser, only show the address; a browser on this machine must be able to open it'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from login" -l stdin -d 'Read secrets from standard input: one `field=value` a line, a JSON object, the one secret alone, or what `account export` wrote'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from login" -l offline -d 'Do not ask the network who it is'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from login" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from login" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from login" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from list" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from list" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from ls" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from ls" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from show" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from show" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from check" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from check" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from rename" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from rename" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from rename" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from rename" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from rename" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from targets" -l add -d 'Add these: numbers, ranges or names of the list' -r
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from targets" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from targets" -l all -d 'Add all that can be posted to and are not there yet'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from targets" -l offline -d 'Do not ask the network who each of them is'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from targets" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from targets" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from targets" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from targets" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from export" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from export" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from remove" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from remove" -l keep-token -d 'Leave the login good at the network: another program or machine uses it'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from remove" -l history -d 'Forget what was posted there, too'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from remove" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from default" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from default" -l clear -d 'Have none'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from default" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from default" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from default" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from default" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from group" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from group" -l clear -d 'Remove the group'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from group" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from group" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from group" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand account; and __fish_seen_subcommand_from group" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -l account -d 'Only posts to this account' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -l platform -d 'Only posts to this network' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -l state -d 'Only posts with a part in this state' -r -f -a "queued\t''
preparing\t''
sending\t''
sent\t''
failed\t''
unknown\t''
cancelled\t''"
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -l since -d 'Not older than this: `7d`, `12h`, `2026-12-01`' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -l until -d 'Older than this' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -l before -d 'Posts before this id, for the next page' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -s n -l limit -d 'At most so many' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -f -a "list" -d 'List posts, the newest first'
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -f -a "ls" -d 'List posts, the newest first'
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -f -a "search" -d 'Find posts by their words'
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -f -a "show" -d 'Show one post with its parts and every attempt'
complete -c xpost -n "__fish_xpost_using_subcommand history; and not __fish_seen_subcommand_from list ls search show export" -f -a "export" -d 'Write all posts to standard output'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from list" -l account -d 'Only posts to this account' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from list" -l platform -d 'Only posts to this network' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from list" -l state -d 'Only posts with a part in this state' -r -f -a "queued\t''
preparing\t''
sending\t''
sent\t''
failed\t''
unknown\t''
cancelled\t''"
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from list" -l since -d 'Not older than this: `7d`, `12h`, `2026-12-01`' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from list" -l until -d 'Older than this' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from list" -l before -d 'Posts before this id, for the next page' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from list" -s n -l limit -d 'At most so many' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from list" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from list" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from ls" -l account -d 'Only posts to this account' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from ls" -l platform -d 'Only posts to this network' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from ls" -l state -d 'Only posts with a part in this state' -r -f -a "queued\t''
preparing\t''
sending\t''
sent\t''
failed\t''
unknown\t''
cancelled\t''"
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from ls" -l since -d 'Not older than this: `7d`, `12h`, `2026-12-01`' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from ls" -l until -d 'Older than this' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from ls" -l before -d 'Posts before this id, for the next page' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from ls" -s n -l limit -d 'At most so many' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from ls" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from ls" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from search" -l account -d 'Only posts to this account' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from search" -l platform -d 'Only posts to this network' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from search" -l state -d 'Only posts with a part in this state' -r -f -a "queued\t''
preparing\t''
sending\t''
sent\t''
failed\t''
unknown\t''
cancelled\t''"
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from search" -l since -d 'Not older than this: `7d`, `12h`, `2026-12-01`' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from search" -l until -d 'Older than this' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from search" -l before -d 'Posts before this id, for the next page' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from search" -s n -l limit -d 'At most so many' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from search" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from search" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from search" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from search" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from search" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from show" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from show" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -l format -r -f -a "jsonl\t'One JSON object a line for each post'
csv\t'One line for each part'"
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -l account -d 'Only posts to this account' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -l platform -d 'Only posts to this network' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -l state -d 'Only posts with a part in this state' -r -f -a "queued\t''
preparing\t''
sending\t''
sent\t''
failed\t''
unknown\t''
cancelled\t''"
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -l since -d 'Not older than this: `7d`, `12h`, `2026-12-01`' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -l until -d 'Older than this' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -l before -d 'Posts before this id, for the next page' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -s n -l limit -d 'At most so many' -r
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand history; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand run" -l wait -d 'Wait so long for networks that ask to come back later' -r
complete -c xpost -n "__fish_xpost_using_subcommand run" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand run" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand run" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand run" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand retry" -s t -l to -d 'Only these accounts or platforms' -r
complete -c xpost -n "__fish_xpost_using_subcommand retry" -l wait -d 'Wait so long for networks that ask to come back later' -r
complete -c xpost -n "__fish_xpost_using_subcommand retry" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand retry" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand retry" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand retry" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand retry" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand resolve" -s t -l to -d 'Only these accounts or platforms' -r
complete -c xpost -n "__fish_xpost_using_subcommand resolve" -l posted -d 'It was posted; with the address, if you have it' -r
complete -c xpost -n "__fish_xpost_using_subcommand resolve" -l wait -d 'Wait so long for networks that ask to come back later' -r
complete -c xpost -n "__fish_xpost_using_subcommand resolve" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand resolve" -l not-posted -d 'It was not posted: send it now'
complete -c xpost -n "__fish_xpost_using_subcommand resolve" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand resolve" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand resolve" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand resolve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand cancel" -s t -l to -d 'Only these accounts or platforms' -r
complete -c xpost -n "__fish_xpost_using_subcommand cancel" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand cancel" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand cancel" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand cancel" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand cancel" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand edit" -l text -d 'The text itself, instead of a file' -r
complete -c xpost -n "__fish_xpost_using_subcommand edit" -s t -l to -d 'Only these accounts or platforms' -r
complete -c xpost -n "__fish_xpost_using_subcommand edit" -l var -d 'A variable for `{{ KEY }}` in the draft; `XPOST_VAR_KEY` in the environment is the same' -r
complete -c xpost -n "__fish_xpost_using_subcommand edit" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand edit" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand edit" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand edit" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand edit" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand delete" -s t -l to -d 'Only these accounts or platforms' -r
complete -c xpost -n "__fish_xpost_using_subcommand delete" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand delete" -s y -l yes -d 'Do not ask'
complete -c xpost -n "__fish_xpost_using_subcommand delete" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand delete" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand delete" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand delete" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand media" -l for -d 'For whom: accounts, platforms, @groups or `all`' -r
complete -c xpost -n "__fish_xpost_using_subcommand media" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand media" -l keep-metadata -d 'As with `keep_metadata` in a draft: what says when and where a picture was taken stays in it'
complete -c xpost -n "__fish_xpost_using_subcommand media" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand media" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand media" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand media" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand platforms" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand platforms" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand platforms" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand platforms" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand platforms" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and not __fish_seen_subcommand_from login logout" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and not __fish_seen_subcommand_from login logout" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and not __fish_seen_subcommand_from login logout" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and not __fish_seen_subcommand_from login logout" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and not __fish_seen_subcommand_from login logout" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and not __fish_seen_subcommand_from login logout" -f -a "login" -d 'Keep the access key and the secret key of an S3 storage, in place of those that were'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and not __fish_seen_subcommand_from login logout" -f -a "logout" -d 'Delete the kept keys'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and __fish_seen_subcommand_from login" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and __fish_seen_subcommand_from login" -l stdin -d 'Read them from standard input: JSON, or lines of `access_key=…` and `secret_key=…`'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and __fish_seen_subcommand_from login" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and __fish_seen_subcommand_from login" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and __fish_seen_subcommand_from login" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and __fish_seen_subcommand_from login" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and __fish_seen_subcommand_from logout" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and __fish_seen_subcommand_from logout" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and __fish_seen_subcommand_from logout" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and __fish_seen_subcommand_from logout" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand media-host; and __fish_seen_subcommand_from logout" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand doctor" -l warn -d 'Tell of logins that end within this time' -r
complete -c xpost -n "__fish_xpost_using_subcommand doctor" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand doctor" -l offline -d 'Ask no network'
complete -c xpost -n "__fish_xpost_using_subcommand doctor" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand doctor" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand doctor" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand backup" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand backup" -l force -d 'Replace the file if there is one'
complete -c xpost -n "__fish_xpost_using_subcommand backup" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand backup" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand backup" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand backup" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand mock" -l port -d '0 takes any free port' -r
complete -c xpost -n "__fish_xpost_using_subcommand mock" -l delay -d 'Every answer waits so long' -r
complete -c xpost -n "__fish_xpost_using_subcommand mock" -l dir -d 'Where stand-ins of this machine (feed) may write; a temporary directory otherwise' -r -F
complete -c xpost -n "__fish_xpost_using_subcommand mock" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand mock" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand mock" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand mock" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand mock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c xpost -n "__fish_xpost_using_subcommand demo" -l delay -d 'Every answer waits so long, so that there is something to see' -r
complete -c xpost -n "__fish_xpost_using_subcommand demo" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand demo" -l all -d 'Publish `examples/everything.md`, with pictures and a film, to every network'
complete -c xpost -n "__fish_xpost_using_subcommand demo" -l stay -d 'Keep the page open until Ctrl-C (always, on a terminal)'
complete -c xpost -n "__fish_xpost_using_subcommand demo" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand demo" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand demo" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand demo" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand completions" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand completions" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand completions" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand completions" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand completions" -s h -l help -d 'Print help'
complete -c xpost -n "__fish_xpost_using_subcommand man" -l dir -d 'Write all pages into this directory' -r -F
complete -c xpost -n "__fish_xpost_using_subcommand man" -l color -d 'Colour: `auto` on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c xpost -n "__fish_xpost_using_subcommand man" -l json -d 'One JSON document on standard output (docs/json.md)'
complete -c xpost -n "__fish_xpost_using_subcommand man" -s q -l quiet -d 'Only results, warnings and errors'
complete -c xpost -n "__fish_xpost_using_subcommand man" -s v -l verbose -d 'Tell what is done; twice: every request (never a secret)'
complete -c xpost -n "__fish_xpost_using_subcommand man" -s h -l help -d 'Print help'
