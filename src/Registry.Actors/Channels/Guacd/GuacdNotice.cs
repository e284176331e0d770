namespace Registry.Actors.Channels.Guacd;

/// <summary>
/// What guacd told a session and its tube has not yet heard: of each opcode the last instruction. However fast guacd talks, one message is under way.
/// </summary>
/// <param name="post">Tells the tube that there is something to take; must not block.</param>
internal sealed class GuacdNotice(Action<GuacdNotice> post)
{
    // guacd's are shorter by far; subscribers keep what they are told.
    private const int MaxText = 256;

    private readonly Lock gate = new();
    private readonly List<(string Opcode, string Text)> waiting = [];
    private bool isPosted;

    /// <summary>When the tube took what there was the last time; the tube's own note.</summary>
    public DateTimeOffset TakenAt { get; set; }

    /// <summary>Adds an instruction, in the place of one with its opcode. One of more than 256 characters is not told.</summary>
    public void Tell(GuacamoleInstruction instruction)
    {
        var text = GuacamoleInstruction.Text(instruction);
        if (text.Length > MaxText)
            return;
        lock (gate)
        {
            waiting.RemoveAll(i => i.Opcode == instruction.Opcode);
            waiting.Add((instruction.Opcode, text));
            if (isPosted)
                return;
            isPosted = true;
        }

        post(this);
    }

    /// <summary>Takes what there is, in the order it came.</summary>
    public IReadOnlyList<string> Take()
    {
        lock (gate)
        {
            isPosted = false;
            string[] taken = [.. waiting.Select(i => i.Text)];
            waiting.Clear();
            return taken;
        }
    }
}
