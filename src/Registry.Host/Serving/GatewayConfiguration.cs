using Akka.Configuration;
using Akka.Configuration.Hocon;
using Registry.Actors;
using Registry.Host.Audit;
using Registry.Host.Cli;
using Registry.Host.Limits;
using Registry.Host.Security;

namespace Registry.Host.Serving;

/// <summary>Reads the configuration: the files of <c>hocon</c> beside the program, then <c>--config</c>, then <c>--set</c>, then the other options; later ones win.</summary>
internal static class GatewayConfiguration
{
    private static readonly string[] Files = ["registry.conf", "cluster.conf", "gateway.conf"];

    /// <exception cref="CommandException">A file or setting is missing, malformed, unknown or out of range.</exception>
    public static Config Read(string? file, IReadOnlyList<string> assignments, Config? options = null)
    {
        // The directory of the program, not the working directory: the gateway is started from anywhere.
        var config = Config.Empty;
        foreach (var beside in Files.Select(name => Path.Combine(AppContext.BaseDirectory, "hocon", name)).Where(File.Exists))
            config = ReadFile(beside, beside).WithFallback(config);
        if (file is not null)
            config = ReadFile(file, $"--config {file}").WithFallback(config);
        foreach (var assignment in assignments)
            config = ReadAssignment(assignment).WithFallback(config);
        config = (options ?? Config.Empty).WithFallback(config);
        Check(config);
        return config;
    }

    private static Config ReadFile(string path, string name)
    {
        try
        {
            return ConfigurationFactory.ParseString(File.ReadAllText(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CommandException.Usage($"{name} cannot be read: {e.Message}");
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The parser of the HOCON package throws many kinds; all of them mean the text is wrong.
            throw CommandException.Usage($"{name} is not HOCON: {e.Message}");
        }
    }

    private static Config ReadAssignment(string assignment)
    {
        if (assignment.IndexOf('=', StringComparison.Ordinal) is not (> 0 and var separator))
            throw CommandException.Usage($"--set '{assignment}' must be key=value, such as registry.admission.max-tubes=500.");
        try
        {
            return ConfigurationFactory.ParseString($"{assignment[..separator]} = {assignment[(separator + 1)..]}");
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw CommandException.Usage($"--set '{assignment}' is not HOCON: {e.Message}");
        }
    }

    private static void Check(Config config)
    {
        var known = Keys(RegistrySettings.Default.WithFallback(TubeRegistryClusterOptions.Default).WithFallback(SecuritySettings.Default).GetValue("registry"), "registry").ToHashSet(StringComparer.Ordinal);
        if (Keys(config.GetValue("registry"), "registry").FirstOrDefault(key => !known.Contains(key)) is { } unknown)
            throw CommandException.Usage($"{unknown} is not a setting. The settings and their defaults stand in {Path.Combine("hocon", "registry.conf")}, cluster.conf and gateway.conf.");
        try
        {
            RegistrySettings.From(config).ApplyTo(new());
            TubeRegistryClusterOptions.From(config);
            SecuritySettings.From(config);
            AuditSettings.From(config);
            RequestLimits.From(config);
        }
        catch (ConfigurationException e)
        {
            throw CommandException.Usage(e.Message);
        }
    }

    private static IEnumerable<string> Keys(HoconValue? value, string path)
    {
        if (value is null)
            return [];
        return value.IsObject()
            ? value.GetObject().Items.SelectMany(item => Keys(item.Value, $"{path}.{item.Key}"))
            : [path];
    }
}
