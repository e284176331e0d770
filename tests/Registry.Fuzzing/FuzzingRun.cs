using Registry.Fuzzing.Targets;

namespace Registry.Fuzzing;

/// <summary>What the program does once the instrumented assemblies are loaded.</summary>
internal static class FuzzingRun
{
    /// <summary>Every target.</summary>
    private static readonly IFuzzTarget[] Targets =
    [
        new StunTarget(), new TurnTarget(), new DtlsRecordTarget(), new SctpTarget(), new DcepTarget(), new SdpTarget(), new CandidateTarget(),
        new MulticastDnsTarget(), new TcpFrameTarget(), new FrameTarget(), new ControlTarget(), new SocksTarget(), new GuacamoleTarget(),
    ];

    /// <summary>Fuzzes what the command line asks for.</summary>
    /// <returns>The exit code: 0 without a finding, 1 with one, 2 for a wrong command line.</returns>
    public static int Run(string[] args)
    {
        if (!FuzzingOptions.TryParse(args, out var options, out _))
            return 2;
        var chosen = Targets.Where(target => options.Target == "all" || target.Name == options.Target).ToArray();
        if (chosen.Length == 0)
        {
            Console.Error.WriteLine($"There is no target '{options.Target}'. There are: {string.Join(' ', Targets.Select(target => target.Name))}.");
            return 2;
        }
        var findings = 0;
        foreach (var target in chosen)
            findings += options.Input is { } file ? RunOne(target, file) : new FuzzingLoop(target, options).Run();
        return findings == 0 ? 0 : 1;
    }

    private static int RunOne(IFuzzTarget target, string file)
    {
        _ = new Coverage();
        target.Run(File.ReadAllBytes(file));
        Console.WriteLine($"{target.Name}: {file} passed");
        return 0;
    }
}
