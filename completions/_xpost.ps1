
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'xpost' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'xpost'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'xpost' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('publish', 'publish', [CompletionResultType]::ParameterValue, 'Publish drafts on their targets, each exactly once')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check drafts for their targets, offline: parts, counts, warnings and problems')
            [CompletionResult]::new('preview', 'preview', [CompletionResultType]::ParameterValue, 'Show drafts as they will look on each target')
            [CompletionResult]::new('account', 'account', [CompletionResultType]::ParameterValue, 'Add, list, check and remove accounts; groups and default targets')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List, search and show what was posted, with every attempt')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Deliver what is due: scheduled posts, posts that a network asked to try later; take back what has expired')
            [CompletionResult]::new('retry', 'retry', [CompletionResultType]::ParameterValue, 'Try again what failed, from the part that failed on; nothing is posted twice')
            [CompletionResult]::new('resolve', 'resolve', [CompletionResultType]::ParameterValue, 'Settle posts whose outcome is unknown: ask the network, or say yourself what became of them')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Cancel what is scheduled, waiting or failed; what is being sent right now goes on')
            [CompletionResult]::new('edit', 'edit', [CompletionResultType]::ParameterValue, 'Change the text of a post at the networks that can, to what a draft says now')
            [CompletionResult]::new('delete', 'delete', [CompletionResultType]::ParameterValue, 'Delete a post at the networks that can, and remember it')
            [CompletionResult]::new('media', 'media', [CompletionResultType]::ParameterValue, 'Show what each network makes of a picture, film or sound: as it is, changed, or not at all')
            [CompletionResult]::new('platforms', 'platforms', [CompletionResultType]::ParameterValue, 'Show the networks and what each can do')
            [CompletionResult]::new('media-host', 'media-host', [CompletionResultType]::ParameterValue, 'Keys of the storage that puts media where networks can fetch them')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Look at settings, store, keyring, every login and what is waiting, and say what to do')
            [CompletionResult]::new('backup', 'backup', [CompletionResultType]::ParameterValue, 'Copy accounts and history into a file, whole as of one moment')
            [CompletionResult]::new('mock', 'mock', [CompletionResultType]::ParameterValue, 'Serve stand-ins of all networks on this machine, to test a pipeline without posting anything')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Publish an example to stand-ins of all networks: no account, no network, nothing leaves this machine')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page, or write a page for each verb')
            break
        }
        'xpost;publish' {
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'The text itself, instead of a file')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Where to: accounts, platforms, @groups or `all`; goes before the draft''s own `to`')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Where to: accounts, platforms, @groups or `all`; goes before the draft''s own `to`')
            [CompletionResult]::new('--var', '--var', [CompletionResultType]::ParameterName, 'A variable for `{{ KEY }}` in the draft; `XPOST_VAR_KEY` in the environment is the same')
            [CompletionResult]::new('--once', '--once', [CompletionResultType]::ParameterName, 'Post once for this key (a tag, say), also on machines that remember nothing')
            [CompletionResult]::new('--plan', '--plan', [CompletionResultType]::ParameterName, 'Send only if the plan is still the one of `xpost preview --json`')
            [CompletionResult]::new('--at', '--at', [CompletionResultType]::ParameterName, 'Not before this time: `2026-12-01 09:00` in your zone')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait so long for networks that ask to come back later')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--again', '--again', [CompletionResultType]::ParameterName, 'Post it again, even if the same draft was posted before')
            [CompletionResult]::new('--all-or-none', '--all-or-none', [CompletionResultType]::ParameterName, 'Send nothing at all if one target has a problem')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Check only, as `xpost check`')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Check only, as `xpost check`')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;check' {
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'The text itself, instead of a file')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Where to: accounts, platforms, @groups or `all`; goes before the draft''s own `to`')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Where to: accounts, platforms, @groups or `all`; goes before the draft''s own `to`')
            [CompletionResult]::new('--var', '--var', [CompletionResultType]::ParameterName, 'A variable for `{{ KEY }}` in the draft; `XPOST_VAR_KEY` in the environment is the same')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;preview' {
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'The text itself, instead of a file')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Where to: accounts, platforms, @groups or `all`; goes before the draft''s own `to`')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Where to: accounts, platforms, @groups or `all`; goes before the draft''s own `to`')
            [CompletionResult]::new('--var', '--var', [CompletionResultType]::ParameterName, 'A variable for `{{ KEY }}` in the draft; `XPOST_VAR_KEY` in the environment is the same')
            [CompletionResult]::new('--html', '--html', [CompletionResultType]::ParameterName, 'Write a page that needs nothing but itself, with a card for each target')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Read no link cards')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;account' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Add an account: asks for what the network needs and says who it is')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Give an account new credentials, or keep them somewhere else')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the accounts')
            [CompletionResult]::new('ls', 'ls', [CompletionResultType]::ParameterValue, 'List the accounts')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show all that is known of an account, but never its secret')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Ask the network who an account is; without a name all of them')
            [CompletionResult]::new('rename', 'rename', [CompletionResultType]::ParameterValue, 'Give an account another name; its secret and history go with it')
            [CompletionResult]::new('targets', 'targets', [CompletionResultType]::ParameterValue, 'List what a login can post to (pages, channels, chats), and add it')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the whole login as one value, for a pipeline')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Forget an account, delete its secret, and end its login at the network')
            [CompletionResult]::new('default', 'default', [CompletionResultType]::ParameterValue, 'Show or set the targets of drafts that name none')
            [CompletionResult]::new('group', 'group', [CompletionResultType]::ParameterValue, 'List, make or remove groups')
            break
        }
        'xpost;account;add' {
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'What to call the account; the network''s name if it is free')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server, where the network has several')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'A field or limit of the account that is no secret')
            [CompletionResult]::new('--with', '--with', [CompletionResultType]::ParameterName, 'The way to log in, where the network has several: `xpost account add PLATFORM` lists them')
            [CompletionResult]::new('--secret', '--secret', [CompletionResultType]::ParameterName, 'Where the secret is kept')
            [CompletionResult]::new('--secret-command', '--secret-command', [CompletionResultType]::ParameterName, 'The command that prints the secret, for `--secret command`')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--paste', '--paste', [CompletionResultType]::ParameterName, 'The browser is on another machine: paste the address that it ends at')
            [CompletionResult]::new('--no-browser', '--no-browser', [CompletionResultType]::ParameterName, 'Open no browser, only show the address; a browser on this machine must be able to open it')
            [CompletionResult]::new('--stdin', '--stdin', [CompletionResultType]::ParameterName, 'Read secrets from standard input: one `field=value` a line, a JSON object, the one secret alone, or what `account export` wrote')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Do not ask the network who it is')
            [CompletionResult]::new('--help-setup', '--help-setup', [CompletionResultType]::ParameterName, 'Print how to get the credentials, and do nothing')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;account;login' {
            [CompletionResult]::new('--with', '--with', [CompletionResultType]::ParameterName, 'The way to log in, where the network has several: `xpost account add PLATFORM` lists them')
            [CompletionResult]::new('--secret', '--secret', [CompletionResultType]::ParameterName, 'Where the secret is kept')
            [CompletionResult]::new('--secret-command', '--secret-command', [CompletionResultType]::ParameterName, 'The command that prints the secret, for `--secret command`')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--paste', '--paste', [CompletionResultType]::ParameterName, 'The browser is on another machine: paste the address that it ends at')
            [CompletionResult]::new('--no-browser', '--no-browser', [CompletionResultType]::ParameterName, 'Open no browser, only show the address; a browser on this machine must be able to open it')
            [CompletionResult]::new('--stdin', '--stdin', [CompletionResultType]::ParameterName, 'Read secrets from standard input: one `field=value` a line, a JSON object, the one secret alone, or what `account export` wrote')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Do not ask the network who it is')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;account;list' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;account;ls' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;account;show' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;account;check' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;account;rename' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;account;targets' {
            [CompletionResult]::new('--add', '--add', [CompletionResultType]::ParameterName, 'Add these: numbers, ranges or names of the list')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Add all that can be posted to and are not there yet')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Do not ask the network who each of them is')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;account;export' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;account;remove' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--keep-token', '--keep-token', [CompletionResultType]::ParameterName, 'Leave the login good at the network: another program or machine uses it')
            [CompletionResult]::new('--history', '--history', [CompletionResultType]::ParameterName, 'Forget what was posted there, too')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;account;default' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--clear', '--clear', [CompletionResultType]::ParameterName, 'Have none')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;account;group' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--clear', '--clear', [CompletionResultType]::ParameterName, 'Remove the group')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;history' {
            [CompletionResult]::new('--account', '--account', [CompletionResultType]::ParameterName, 'Only posts to this account')
            [CompletionResult]::new('--platform', '--platform', [CompletionResultType]::ParameterName, 'Only posts to this network')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Only posts with a part in this state')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Not older than this: `7d`, `12h`, `2026-12-01`')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Older than this')
            [CompletionResult]::new('--before', '--before', [CompletionResultType]::ParameterName, 'Posts before this id, for the next page')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List posts, the newest first')
            [CompletionResult]::new('ls', 'ls', [CompletionResultType]::ParameterValue, 'List posts, the newest first')
            [CompletionResult]::new('search', 'search', [CompletionResultType]::ParameterValue, 'Find posts by their words')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show one post with its parts and every attempt')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write all posts to standard output')
            break
        }
        'xpost;history;list' {
            [CompletionResult]::new('--account', '--account', [CompletionResultType]::ParameterName, 'Only posts to this account')
            [CompletionResult]::new('--platform', '--platform', [CompletionResultType]::ParameterName, 'Only posts to this network')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Only posts with a part in this state')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Not older than this: `7d`, `12h`, `2026-12-01`')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Older than this')
            [CompletionResult]::new('--before', '--before', [CompletionResultType]::ParameterName, 'Posts before this id, for the next page')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;history;ls' {
            [CompletionResult]::new('--account', '--account', [CompletionResultType]::ParameterName, 'Only posts to this account')
            [CompletionResult]::new('--platform', '--platform', [CompletionResultType]::ParameterName, 'Only posts to this network')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Only posts with a part in this state')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Not older than this: `7d`, `12h`, `2026-12-01`')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Older than this')
            [CompletionResult]::new('--before', '--before', [CompletionResultType]::ParameterName, 'Posts before this id, for the next page')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;history;search' {
            [CompletionResult]::new('--account', '--account', [CompletionResultType]::ParameterName, 'Only posts to this account')
            [CompletionResult]::new('--platform', '--platform', [CompletionResultType]::ParameterName, 'Only posts to this network')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Only posts with a part in this state')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Not older than this: `7d`, `12h`, `2026-12-01`')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Older than this')
            [CompletionResult]::new('--before', '--before', [CompletionResultType]::ParameterName, 'Posts before this id, for the next page')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;history;show' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;history;export' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'format')
            [CompletionResult]::new('--account', '--account', [CompletionResultType]::ParameterName, 'Only posts to this account')
            [CompletionResult]::new('--platform', '--platform', [CompletionResultType]::ParameterName, 'Only posts to this network')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Only posts with a part in this state')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Not older than this: `7d`, `12h`, `2026-12-01`')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Older than this')
            [CompletionResult]::new('--before', '--before', [CompletionResultType]::ParameterName, 'Posts before this id, for the next page')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most so many')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;run' {
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait so long for networks that ask to come back later')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;retry' {
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Only these accounts or platforms')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Only these accounts or platforms')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait so long for networks that ask to come back later')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;resolve' {
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Only these accounts or platforms')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Only these accounts or platforms')
            [CompletionResult]::new('--posted', '--posted', [CompletionResultType]::ParameterName, 'It was posted; with the address, if you have it')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait so long for networks that ask to come back later')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--not-posted', '--not-posted', [CompletionResultType]::ParameterName, 'It was not posted: send it now')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;cancel' {
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Only these accounts or platforms')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Only these accounts or platforms')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;edit' {
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'The text itself, instead of a file')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Only these accounts or platforms')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Only these accounts or platforms')
            [CompletionResult]::new('--var', '--var', [CompletionResultType]::ParameterName, 'A variable for `{{ KEY }}` in the draft; `XPOST_VAR_KEY` in the environment is the same')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;delete' {
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Only these accounts or platforms')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Only these accounts or platforms')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;media' {
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'For whom: accounts, platforms, @groups or `all`')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--keep-metadata', '--keep-metadata', [CompletionResultType]::ParameterName, 'As with `keep_metadata` in a draft: what says when and where a picture was taken stays in it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;platforms' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;media-host' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Keep the access key and the secret key of an S3 storage, in place of those that were')
            [CompletionResult]::new('logout', 'logout', [CompletionResultType]::ParameterValue, 'Delete the kept keys')
            break
        }
        'xpost;media-host;login' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--stdin', '--stdin', [CompletionResultType]::ParameterName, 'Read them from standard input: JSON, or lines of `access_key=…` and `secret_key=…`')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;media-host;logout' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;doctor' {
            [CompletionResult]::new('--warn', '--warn', [CompletionResultType]::ParameterName, 'Tell of logins that end within this time')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Ask no network')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;backup' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace the file if there is one')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;mock' {
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, '0 takes any free port')
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Every answer waits so long')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Where stand-ins of this machine (feed) may write; a temporary directory otherwise')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'xpost;demo' {
            [CompletionResult]::new('--delay', '--delay', [CompletionResultType]::ParameterName, 'Every answer waits so long, so that there is something to see')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Publish `examples/everything.md`, with pictures and a film, to every network')
            [CompletionResult]::new('--stay', '--stay', [CompletionResultType]::ParameterName, 'Keep the page open until Ctrl-C (always, on a terminal)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;completions' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'xpost;man' {
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Write all pages into this directory')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Colour: `auto` on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'One JSON document on standard output (docs/json.md)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Only results, warnings and errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell what is done; twice: every request (never a secret)')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
