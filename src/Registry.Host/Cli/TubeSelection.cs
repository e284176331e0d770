using System.CommandLine;
using System.CommandLine.Parsing;
using Registry.Host.Api;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>Options that say which tubes are meant; those that are given must all hold.</summary>
internal sealed class TubeSelection
{
    private readonly Option<string?> filter = Text("--filter", "TEXT", "Only tubes with this text in their id or in that of a conversation.");

    private readonly Option<string?> state = Text("--state", "STATE", $"Only tubes in this state: {string.Join(", ", Enum.GetValues<TubeState>().Select(each => each.Text))}. With closed, those that ended in the last minutes.");

    private readonly Option<string?> owner = Text("--owner", "OWNER", "Only tubes made for this owner.");

    private readonly Option<string?> target = Text("--target", "HOST[:PORT]", "Only tubes with a conversation to this target, as host or host:port.");

    private readonly Option<string?> node = Text("--node", "NODE", "Only tubes of this node.");

    public TubeSelection() => state.OneOf([.. Enum.GetValues<TubeState>().Select(each => each.Text)]);

    public void AddTo(Command command)
    {
        foreach (var option in All)
            command.Add(option);
    }

    /// <summary>Whether any of them is given.</summary>
    public bool IsGiven(CommandResult result) => All.Any(option => result.GetResult(option) is not null);

    /// <summary>Those that are given, as they were.</summary>
    public string Describe(ParseResult result) => string.Join(' ', All.Where(option => result.GetResult(option) is not null).Select(option => $"{option.Name} '{result.GetValue(option)}'"));

    private Option<string?>[] All => [filter, state, owner, target, node];

    /// <summary>Whether tubes that have ended are meant.</summary>
    public bool AreEnded(ParseResult result) => result.GetValue(state) == TubeState.Closed.Text;

    /// <summary>The tubes that are meant.</summary>
    /// <exception cref="CommandException">The options find nothing together.</exception>
    public async Task<ListBody<TubeBody>> ReadAsync(GatewayClient gateway, ParseResult result, CancellationToken cancellationToken)
    {
        if (AreEnded(result) && result.GetResult(target) is not null)
            throw CommandException.Usage("--target finds no tube that has ended: where it led to is gone with it.");
        var tubes = await gateway.ListTubesAsync(result.GetValue(filter), result.GetValue(state), result.GetValue(owner), cancellationToken: cancellationToken);
        var (of, to) = (result.GetValue(node), result.GetValue(target));
        // A node that is gone may still have tubes that ended, or be missing in the list; a name that nothing has is a slip.
        if (of is not null && tubes.Items.All(tube => tube.Node != of) && !tubes.IncompleteNodes.Contains(of) && (await gateway.ReadNodesAsync(cancellationToken)).Items is var nodes && nodes.All(each => each.Node != of))
            throw new CommandException(ExitCode.Refused, $"There is no node '{of}'. The nodes are {string.Join(", ", nodes.Select(each => each.Node))}.");
        return tubes with
        {
            Items = [.. tubes.Items.Where(tube => (of is null || tube.Node == of) && (to is null || tube.Conversations.Any(conversation => Reaches(conversation.Target, to))))],
        };
    }

    // A script's variable that is not set must not mean every tube.
    private static Option<string?> Text(string name, string value, string description)
    {
        var option = new Option<string?>(name) { Description = description, HelpName = value };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Any(token => token.Value.Length == 0))
                result.AddError($"{name} is empty; give {value}, or leave the option out.");
        });
        return option;
    }

    private static bool Reaches(string? target, string asked)
    {
        if (target is null)
            return false;
        var host = target[..target.LastIndexOf(':')];
        return target.Equals(asked, StringComparison.OrdinalIgnoreCase) || host.Trim('[', ']').Equals(asked.Trim('[', ']'), StringComparison.OrdinalIgnoreCase);
    }
}
