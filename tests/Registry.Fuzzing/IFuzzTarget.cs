namespace Registry.Fuzzing;

/// <summary>A part of the stack that takes input from the network.</summary>
internal interface IFuzzTarget
{
    /// <summary>Its name on the command line, and of its folder in the corpus.</summary>
    string Name { get; }

    /// <summary>Bytes of an input at most.</summary>
    int MaxLength => 4096;

    /// <summary>Pieces that inputs are likely to be made of.</summary>
    IReadOnlyList<string> Tokens => [];

    /// <summary>Bytes that one input may make the target allocate, whatever its length; by each byte of input it may be 256 more.</summary>
    long BaseAllocation => 64 * 1024;

    /// <summary>Takes an input. An exception is a finding.</summary>
    void Run(ReadOnlySpan<byte> input);
}

/// <summary>What a target throws when a property does not hold.</summary>
internal sealed class PropertyViolatedException(string message) : Exception(message)
{
    public static void ThrowUnless(bool holds, string message)
    {
        if (!holds)
            throw new PropertyViolatedException(message);
    }
}
