using System.Collections.Immutable;

namespace Registry.Messages;

/// <summary>Which live tubes to list, or which of those that ended not long ago, and how many.</summary>
public sealed record TubeQuery
{
    /// <summary>Largest <see cref="Limit"/>.</summary>
    public const int MaxLimit = 1000;

    /// <summary>Text that the tube's id or one of its conversations' ids contains, in upper or lower case; null for any.</summary>
    public string? Text { get; init; }

    /// <summary>The state it is in; null for any live one. <see cref="TubeState.Closed"/> asks for those that ended and are still kept.</summary>
    public TubeState? State { get; init; }

    /// <summary>The owner it was made for; null for any.</summary>
    public string? Owner { get; init; }

    /// <summary>Most tubes in the page, 1 to <see cref="MaxLimit"/>.</summary>
    public int Limit { get; init; } = 100;

    /// <summary>The <see cref="TubePage.NextCursor"/> of the page before; null for the first page.</summary>
    public TubeId? Cursor { get; init; }

    /// <summary>Whether a tube belongs into the list, the cursor aside.</summary>
    public bool Matches(TubeSnapshot tube) =>
        (State is null || tube.State == State)
        && (Owner is null || tube.Owner == Owner)
        && (string.IsNullOrEmpty(Text) || Contains(tube.TubeId.ToString()) || tube.Conversations.Any(c => Contains(c.ConversationId.ToString())));

    private bool Contains(string id) => id.Contains(Text!, StringComparison.OrdinalIgnoreCase);
}

/// <summary>A page of tubes in the order of their ids (ordinal). Pages stay in step while tubes come and go: none that lives throughout is missed or listed twice.</summary>
/// <param name="Items">The tubes.</param>
/// <param name="NextCursor">Where the next page starts; null when this is the last.</param>
public sealed record TubePage(ImmutableArray<TubeSnapshot> Items, TubeId? NextCursor)
{
    /// <summary>
    /// Nodes that did not answer, and in a list of ended tubes those that were lost lately: their tubes are not in the page, whether or not they have some.
    /// </summary>
    public ImmutableArray<string> IncompleteNodes { get; init; } = [];
}
