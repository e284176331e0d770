using System.CommandLine;
using Registry.Host.Serving;

namespace Registry.Host.Cli;

/// <summary>Words of other programs, and of people who guess, with what does the same here.</summary>
internal static class Habits
{
    private static readonly Habit[] known =
    [
        new("", "version", "--version says it"),
        new("", "-v", "--version says the version, --log-level debug logs more"),
        new("", "--verbose", "--log-level debug logs more"),
        new("serve", "-v", "--log-level debug logs more"),
        new("serve", "--verbose", "--log-level debug logs more"),
        .. new[] { "", "serve" }.Select(path => new Habit(path, "--port", $"--http takes the address and the port, such as --http {GatewayOptions.DefaultHttp}")),
        new("", "audit", "GET /v1/audit of the gateway tells it: docs/audit.md"),
        new("", "-L", "'registry forward -L' forwards a port"),
        new("", "-R", "'registry forward -R' forwards a port"),
        new("", "-D", "'registry socks -D' serves SOCKS5"),
        new("", "status", "'registry capacity' tells it of one gateway, 'registry nodes' of all"),
        new("", "ls", "'registry tubes ls' lists tubes"),
        new("", "list", "'registry tubes ls' lists tubes"),
        new("", "ps", "'registry tubes ls' lists tubes"),
        new("", "get", "'registry tubes ls' lists tubes, 'registry nodes' gateways"),
        new("", "show", "'registry tubes show' shows a tube"),
        new("", "describe", "'registry tubes show' shows a tube"),
        new("", "close", "'registry tubes close' closes tubes"),
        new("", "delete", "'registry tubes close' closes tubes"),
        new("", "kill", "'registry tubes close' closes tubes"),
        new("", "port-forward", "it is called forward"),
        new("", "tunnel", "it is called forward"),
        new("", "proxy", "it is called socks"),
        new("", "cordon", "it is called drain"),
        new("", "uncordon", "it is called drain --resume"),
        new("", "start", "it is called serve"),
        new("", "run", "it is called serve"),
        new("", "stop", "Ctrl-C or SIGTERM ends serve, and 'registry drain --wait' empties it before"),
        new("tubes", "list", "it is called ls"),
        new("tubes", "ps", "it is called ls"),
        new("tubes", "get", "it is called show, and that of all ls"),
        new("tubes", "describe", "it is called show"),
        new("tubes", "delete", "it is called close"),
        new("tubes", "kill", "it is called close"),
        new("tubes", "rm", "it is called close"),
        new("tubes ls", "-w", "'registry top' goes on"),
        new("tubes ls", "--watch", "'registry top' goes on"),
        new("forward", "-D", "'registry socks -D' serves SOCKS5"),
        new("forward", "-l", "it is called -L"),
        new("forward", "-N", "leave it out: there is never a shell"),
        new("forward", "-W", "--stdio does it"),
        new("forward", "-i", "--key-file names the key"),
        new("drain", "--node", "--gateway takes the URL of the node to drain"),
        new("socks", "-L", "'registry forward -L' forwards a port"),
        new("socks", "-R", "'registry forward -R' forwards a port"),
        new("socks", "-N", "leave it out: there is never a shell"),
        new("socks", "-i", "--key-file names the key"),
        .. new[] { "revoke", "delete", "rm", "remove" }.Select(word => new Habit("keys", word, "delete its line in the file of registry.auth.keys, then 'registry reload'; tubes it made stay: 'registry tubes close --owner NAME'")),
        .. new[] { "ls", "list", "show" }.Select(word => new Habit("keys", word, "the file of registry.auth.keys has them, a line each, and a key is revoked by deleting its line, then 'registry reload'")),
        .. new[] { "sh", "csh", "tcsh", "ksh", "dash" }.Select(word => new Habit("completion", word, "there is none for it, only for bash, zsh, fish and pwsh")),
        new("completion", "powershell", "it is called pwsh"),
    ];

    // What people write without the option that it is for.
    private static readonly (string Option, string What)[] bare = [("-L", "port:host:hostport"), ("-D", "a port"), ("--config", "a file of settings")];

    /// <summary>Which option of a command a word alone was probably meant for; empty where nobody knows.</summary>
    public static string WithoutOption(Command command) =>
        Array.Find(bare, each => command.Options.Any(option => option.Name == each.Option)) is { Option: { } option, What: var what } ? $"; {what} goes behind {option}" : "";

    /// <summary>What to use in place of a word; null when it is none of these.</summary>
    /// <param name="path">The verbs before it, joined by a space.</param>
    /// <param name="word">The word.</param>
    public static string? Of(string path, string word) => known.FirstOrDefault(habit => habit.Path == path && habit.Word == word)?.Instead;

    private sealed record Habit(string Path, string Word, string Instead);
}
