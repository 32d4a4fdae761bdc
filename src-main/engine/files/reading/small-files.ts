/** A kind of file that is read as a whole: what messages call it, and the most bytes that are read. */
export interface SmallFile {
  what: string
  mostBytes: number
}

/** Files that are read as a whole. Limits are far above what real files have, and far below what harms a machine. */
export const SMALL_FILES = {
  /** 64 models with a weight for each of 2000 layers are 10 MB. */
  project: { what: 'a project', mostBytes: 32e6 },
  /** sd-mecha's *.mecha with thousands of steps, mergekit's YAML. */
  recipe: { what: 'a recipe', mostBytes: 4e6 },
  /** An index of 100,000 tensors is 10 MB. */
  config: { what: 'a configuration', mostBytes: 50e6 },
  /** LDM's configuration beside a single file: 2 KB. */
  modelYaml: { what: 'the configuration of a model', mostBytes: 1e6 },
  /** CLIP's tokenizer.json has 2.2 MB, T5's 2.4 MB. */
  tokenizer: { what: 'a file of a tokenizer', mostBytes: 50e6 },
  /** A million captions of 200 characters. */
  captions: { what: 'a file of captions', mostBytes: 256e6 },
  /** One caption. */
  caption: { what: 'a caption', mostBytes: 1e6 },
  /** 100,000 prompts of 200 characters. */
  prompts: { what: 'a file of prompts', mostBytes: 20e6 },
  /** As many pixels as a picture may have (MOST_PIXELS), uncompressed. */
  picture: { what: 'a picture', mostBytes: 256e6 },
  /** ComfyUI's extra_model_paths.yaml: 2 KB. */
  modelPaths: { what: 'a list of model folders', mostBytes: 1e6 },
  /** A picture that other programs keep beside a model. */
  thumbnail: { what: 'a preview picture of a model', mostBytes: 8e6 },
  /** What the program has written itself: settings, results, hashes, latents. */
  own: { what: 'a file of this program', mostBytes: 256e6 },
  /** Losses of 1000 models on 1000 pictures at 10 timesteps are 200 MB. */
  results: { what: 'a file of results', mostBytes: 500e6 },
} as const satisfies Record<string, SmallFile>
