namespace Registry.Host.Cli;

/// <summary>A tube's id as people give it: whole, or its beginning.</summary>
internal static class TubeName
{
    /// <summary>Characters that a beginning has at least; <c>top</c> shows as many where there is little room.</summary>
    public const int LeastLength = 8;

    /// <summary>The id that is meant; the text itself when no living tube's id begins with it.</summary>
    /// <exception cref="CommandException">Several tubes' ids begin with it.</exception>
    public static async Task<string> ResolveAsync(GatewayClient gateway, string text, CancellationToken cancellationToken)
    {
        if (text.Length < LeastLength || Guid.TryParse(text, out _))
            return text;
        var tubes = await gateway.ListTubesAsync(text, cancellationToken: cancellationToken);
        string[] meant = [.. tubes.Items.Select(tube => tube.TubeId).Where(id => id.StartsWith(text, StringComparison.Ordinal))];
        return meant switch
        {
            [] => text,
            [var one] => one,
            _ when meant.Contains(text) => text,
            _ => throw CommandException.Usage($"'{text}' is the beginning of the ids of {meant.Length} tubes, such as {meant[0]} and {meant[1]}. Give more of it."),
        };
    }
}
