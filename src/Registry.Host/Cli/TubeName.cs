using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary>A tube's id as people give it: whole, or its beginning.</summary>
internal static class TubeName
{
    /// <summary>Characters that a beginning has at least; <c>top</c> shows as many where there is little room.</summary>
    public const int LeastLength = 8;

    /// <summary>The id that is meant: the text itself when a tube has it, ended or not, or when no living tube's id begins with it.</summary>
    /// <exception cref="CommandException">Several tubes' ids begin with it, or it can be no id or is too short a beginning.</exception>
    public static async Task<string> ResolveAsync(GatewayClient gateway, string text, CancellationToken cancellationToken)
    {
        if (!TubeId.TryParse(text, out _))
            throw Unknown(text);
        if (Guid.TryParse(text, out _) || await IsIdAsync(gateway, text, cancellationToken))
            return text;
        var tubes = await gateway.ListTubesAsync(text, cancellationToken: cancellationToken);
        string[] meant = [.. tubes.Items.Select(tube => tube.TubeId).Where(id => id.StartsWith(text, StringComparison.Ordinal))];
        return meant switch
        {
            [] => text,
            _ when text.Length < LeastLength => throw Unknown(text),
            [var one] => one,
            _ => throw CommandException.Usage($"'{text}' is the beginning of the ids of {meant.Length} tubes, such as {meant[0]} and {meant[1]}. Give more of it."),
        };
    }

    /// <summary>What a command ends with that is given a tube that there is not, and what else is known of that.</summary>
    public static CommandException Unknown(string text, string besides = "") => new(ExitCode.Refused, TellUnknown(text) + besides);

    /// <summary>The same for people.</summary>
    public static string TellUnknown(string text) => $"There is no tube '{text}', also none that ended lately on a node that answers. Give a whole id, or of a living tube's {LeastLength} characters or more of its beginning.";

    private static async Task<bool> IsIdAsync(GatewayClient gateway, string text, CancellationToken cancellationToken)
    {
        try
        {
            await gateway.ReadTubeAsync(text, cancellationToken);
            return true;
        }
        catch (GatewayRefusedException e) when (e.Code == "tube_not_found")
        {
            return false;
        }
    }
}
