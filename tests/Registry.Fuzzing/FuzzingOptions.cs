using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Registry.Fuzzing;

/// <summary>The command line.</summary>
internal sealed record FuzzingOptions
{
    /// <summary>How the program is called.</summary>
    public const string Usage = """
        Registry.Fuzzing TARGET|all [--seconds N | --executions N] [--seed N] [--corpus DIR] [--save DIR] [--findings DIR] [--input FILE]
          --seconds     time per target (10)
          --executions  inputs per target, in place of a time
          --seed        start of the random numbers (from the clock)
          --corpus      where the seed inputs lie, a folder per target (corpus beside the program)
          --save        folder for inputs that reached new code
          --findings    folder for inputs that failed (findings)
          --input       runs this one input instead, to see it fail
        """;

    /// <summary>A target's name, or <c>all</c>.</summary>
    public required string Target { get; init; }
    /// <summary>Time per target.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);
    /// <summary>Inputs per target in place of a time, or null.</summary>
    public int? Executions { get; init; }
    /// <summary>Start of the random numbers.</summary>
    public int Seed { get; init; } = Environment.TickCount & int.MaxValue;
    /// <summary>Where the seed inputs lie.</summary>
    public string Corpus { get; init; } = Path.Combine(AppContext.BaseDirectory, "corpus");
    /// <summary>Where inputs that reached new code go, or null.</summary>
    public string? Save { get; init; }
    /// <summary>Where inputs that failed go.</summary>
    public string Findings { get; init; } = "findings";
    /// <summary>The one input to run, or null.</summary>
    public string? Input { get; init; }

    /// <summary>Reads the command line.</summary>
    public static bool TryParse(string[] args, [NotNullWhen(true)] out FuzzingOptions? options, [NotNullWhen(false)] out string? error)
    {
        (options, error) = (null, null);
        if (args.Length % 2 == 0)
        {
            error = "One target is needed, and a value for each option.";
            return false;
        }
        var read = new FuzzingOptions { Target = args[0] };
        for (var i = 1; i < args.Length; i += 2)
        {
            var value = args[i + 1];
            var isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            switch (args[i])
            {
                case "--seconds" when isNumber: read = read with { Duration = TimeSpan.FromSeconds(number) }; break;
                case "--executions" when isNumber: read = read with { Executions = number }; break;
                case "--seed" when isNumber: read = read with { Seed = number }; break;
                case "--corpus": read = read with { Corpus = value }; break;
                case "--save": read = read with { Save = value }; break;
                case "--findings": read = read with { Findings = value }; break;
                case "--input": read = read with { Input = value }; break;
                default:
                    error = $"'{args[i]} {value}' is not an option.";
                    return false;
            }
        }
        options = read;
        return true;
    }
}
